"""A fleet of two goes to another release by an admin's missions: from A to B, not to the broken C, and work goes on."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from orchestrator.app.updates.releases import ReleaseSource
from orchestrator.app.updates.updater import Updater
from orchestrator.app.updates.version_dirs import VersionDirs
from orchestrator.core.settings import Settings
from tests.acceptance import test_updating
from tests.acceptance.fleets import Fleet, command
from tests.acceptance.release_repository import ReleaseRepository
from tests.acceptance.test_updating import Service

pytestmark = pytest.mark.nightly  # `app/updates/test_update_agent` and `workflow/test_update_roll` are the short form
NODES = ("hq", "desk")
ROLES = {"hq": "HEADQUARTERS", "desk": "LOCAL_WORKER"}


@dataclass
class Rolled:
    """The fleet, whose nodes run by themselves, as services have them."""

    fleet: Fleet
    repository: ReleaseRepository
    dirs: dict[str, VersionDirs] = field(default_factory=dict)

    def prepare(self, node: str) -> VersionDirs:
        dirs = self.dirs[node] = VersionDirs(self.fleet.folder / f"program-{node}")
        dirs.prepare()
        signers = f"releaser {self.repository.releaser.public}\n"
        (dirs.prefix / "release_signers").write_text(signers)
        (dirs.prefix / "source.json").write_text(json.dumps({"url": str(self.repository.folder), "extras": []}))
        source = ReleaseSource(url=str(self.repository.folder), folder=dirs.prefix / "source.git", signers=signers)
        settings = Settings(home=self.fleet.folder / node, node_id=node, ledger=str(self.fleet.bare))
        updater = Updater(
            dirs=dirs, source=source, settings=settings, install=test_updating.install, say=lambda _line: None
        )
        first = updater.wanted("v1.0.0")
        assert first is not None
        updater.update(first)
        return dirs

    def nodes(self) -> dict[str, dict[str, object]]:
        told = json.loads(self.fleet.shiftbook("fleet", "--json", node="hq"))
        return {node["name"]: node for node in told}

    def versions(self) -> dict[str, str]:
        return {name: str(node["version"]) for name, node in self.nodes().items()}

    def does(self, name: str, node: str) -> None:
        self.fleet.commit({f"missions/{name}.md": command("git --version", to=[node])})
        self.fleet.wait(f"{name} is done", lambda: self.status(name) == "done")

    def status(self, name: str) -> str:
        return str(self.fleet.missions("--all").get(name, {}).get("status"))


@pytest.fixture
def rolled(fleet: Fleet, tmp_path: Path) -> Iterator[Rolled]:
    repository = ReleaseRepository(tmp_path)
    for tag in ("v1.0.0", "v1.1.0", "v1.5.0"):  # the last one ends in each round
        repository.release(tag)
    made = Rolled(fleet=fleet.found(*NODES), repository=repository)
    services, threads = [], []
    for node in NODES:
        env = {"FACTORY_ROLE": ROLES[node]}
        with (fleet.folder / node / ".env").open("a") as file:
            file.write("".join(f"{name}={value}\n" for name, value in env.items()))
        services.append(Service(dirs=made.prepare(node), fleet=fleet, node=node))
        threads.append(threading.Thread(target=services[-1].run, daemon=True))
        threads[-1].start()
    try:
        fleet.wait("both say what they run", lambda: made.versions() == dict.fromkeys(NODES, "1.0.0"))
        yield made
    finally:
        for service, thread in zip(services, threads, strict=True):
            service.close()
            thread.join(timeout=60)


def test_a_fleet_goes_to_the_next_release_and_stops_before_a_broken_one(rolled: Rolled) -> None:
    """The worker first, headquarters last; work is done before, in between, by two versions at once, and afterwards."""
    fleet = rolled.fleet
    fleet.commit({"missions/long.md": command("sleep 3 && git --version", to=["desk"])})
    filed = json.loads(fleet.shiftbook("update", "--fleet", "--to", "v1.1.0", "--json", node="hq"))
    assert [step["node"] for step in filed["steps"]] == ["desk", "hq"]
    assert fleet.run("update", "--fleet", "--to", "v1.1.0", node="hq").returncode == 4  # one at a time
    for node in ("desk", "hq"):
        name = f"update-v1-1-0-{node}"
        fleet.wait(f"{name} is over", lambda name=name: rolled.status(name) in ("done", "dead"))  # type: ignore[misc]
        assert rolled.status(name) == "done", fleet.words()
    assert rolled.versions() == dict.fromkeys(NODES, "1.1.0")
    assert rolled.status("long") == "done"  # what ran when the update came was finished first
    assert "desk runs v1.1.0 now, before it v1.0.0." in fleet.show("update-v1-1-0-desk")["text"]
    rolled.does("between", "desk")

    fleet.shiftbook("update", "--fleet", "--to", "v1.5.0", node="hq")
    fleet.wait("it has come back", lambda: rolled.status("update-v1-5-0-desk") == "dead", seconds=500)
    assert rolled.status("update-v1-5-0-hq") == "queued"
    assert rolled.versions() == dict.fromkeys(NODES, "1.1.0")
    said = fleet.shiftbook("fleet", node="hq")
    assert "update to v1.5.0: desk stopped, hq waiting" in " ".join(said.split())
    rolled.does("after-desk", "desk")
    rolled.does("after-hq", "hq")
    fleet.shiftbook("update", "--fleet", "--call-off", node="hq")
    assert rolled.status("update-v1-5-0-hq") == "cancelled"
    assert {dirs.current for dirs in rolled.dirs.values()} == {"v1.1.0"}
