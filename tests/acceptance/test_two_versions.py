"""Nodes of two versions work in one fleet: the commit's before this one beside this one's, either of them as HQ."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.acceptance.fleets import Fleet, command
from tests.acceptance.test_updating import PACKAGES, ROOT, install

pytestmark = pytest.mark.nightly  # `test_fleet_update` has two versions side by side, too, while it goes over


@pytest.fixture(scope="module")
def previous(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program of the commit before this one, in an environment of its own."""
    folder = tmp_path_factory.mktemp("previous")
    words = ["git", "-C", str(ROOT), "archive", "--format=tar", "HEAD^", "--", *PACKAGES]
    done = subprocess.run(words, capture_output=True, check=False, timeout=60)
    if done.returncode != 0:
        pytest.skip(f"the commit before is not here: {done.stderr.decode().strip()}")
    (folder / "tree").mkdir()
    subprocess.run(["tar", "-x", "-f", "-", "-C", str(folder / "tree")], input=done.stdout, check=True, timeout=60)
    bridge = folder / "tree/mobile-bridge"
    (bridge / "mobile_bridge").rename(folder / "tree/mobile_bridge")
    bridge.rmdir()
    install(folder / "tree", folder / "environment")
    return folder / "environment/bin/shiftbook"


def start(fleet: Fleet, node: str, program: Path | None, role: str) -> None:
    """A node of this version, or of the one whose program is given."""
    env = {"FACTORY_ROLE": role}
    if program is None:
        fleet.start(node, **env)
    else:
        fleet.begun[node] = fleet._readies(node)
        said = fleet.folder / node
        with said.with_suffix(".jsonl").open("ab") as out, said.with_suffix(".err").open("ab") as err:
            words = [str(program), "node", "run", "--json"]
            running = subprocess.Popen(
                words, env=fleet.environment(node, **env), cwd=fleet.folder, stdout=out, stderr=err
            )
        fleet.running[node] = running  # type: ignore[assignment]  # which has the same methods
    fleet.ready(node)


@pytest.mark.parametrize("old", ["hq", "desk"])
def test_a_fleet_of_two_versions_does_its_work_and_takes_over(fleet: Fleet, previous: Path, old: str) -> None:
    """Each does a mission, headquarters folds both, each reads what the other wrote, and takes over from it."""
    fleet.found("hq", "desk")
    roles = {"hq": "HEADQUARTERS", "desk": "LOCAL_WORKER"}
    for node, role in roles.items():
        start(fleet, node, previous if node == old else None, role)
    missions = {f"missions/on-{node}.md": command("git --version", to=[node]) for node in roles}
    missions["missions/after.md"] = command("git --version", depends_on=["on-hq", "on-desk"])
    fleet.commit(missions)
    wanted = {"on-hq", "on-desk", "after"}
    fleet.wait("all are done", lambda: all(fleet.missions().get(n, {}).get("status") == "done" for n in wanted))
    assert {name: fleet.missions()[name]["node"] for name in ("on-hq", "on-desk")} == {"on-hq": "hq", "on-desk": "desk"}

    told = json.loads(fleet.shiftbook("fleet", "--json", node="hq"))
    assert {one["name"]: one["state"] for one in told} == {"hq": "live", "desk": "live"}
    env = fleet.environment("desk")
    theirs = subprocess.run(
        [str(previous), "mission", "list", "--all", "--json"], env=env, cwd=fleet.clone, capture_output=True, check=True
    )
    assert {one["name"] for one in json.loads(theirs.stdout) if one["status"] == "done"} == wanted

    fleet.commit({"missions/long.md": command("sleep 600", to=[old], max_retries=2)})
    fleet.wait("it runs", lambda: fleet.missions().get("long", {}).get("status") == "running")
    fleet.kill(old)
    other = next(node for node in roles if node != old)
    fleet.commit({"missions/long.md": command("git --version", to=[other], max_retries=2)})
    fleet.wait("the other one took it over", lambda: fleet.missions().get("long", {}).get("status") == "done")
    assert fleet.missions()["long"]["node"] == other
