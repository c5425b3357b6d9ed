"""Does a merge queue bring approved results in, by real processes, though a node dies and a person pushes meanwhile?"""

from __future__ import annotations

import json
from typing import Any

from tests.acceptance.fleets import Fleet, command
from tests.orchestrator.repositories import Server, git

FIVE = ("a", "b", "c", "d", "e")
CHECK = """\
[ -e slow.txt ] && sleep 3000
[ -e b.txt ] && [ -e d.txt ] && echo "b and d together: 1 failed" && exit 1
exit 0
"""


def _queue(fleet: Fleet) -> dict[str, Any]:
    shown: dict[str, Any] = json.loads(fleet.shiftbook("project", "queue", "shop", "--json", node="hq"))
    return shown


def _founded(fleet: Fleet) -> Server:
    """Two nodes, a project with a queue, and a result of each mission that waits in review."""
    (fleet.folder / "project").mkdir(parents=True)
    server = Server.make(fleet.folder / "project")
    server.push({"check.sh": CHECK})
    fleet.beat, fleet.lease = 2.0, 12.0
    fleet.found("hq", "vps")
    text = (fleet.clone / "fleet.toml").read_text(encoding="utf-8")
    project = (
        f'[projects.shop]\nurl = "{server.folder}"\non_approval = "merge"\nmerge_queue = true\ntest = "sh check.sh"'
    )
    fleet.commit({"fleet.toml": f"{text}\n{project}\n"}, "A project")
    fleet.commit({f"missions/{name}.md": command(f"echo {name} > {name}.txt", project="shop") for name in FIVE})
    fleet.shiftbook("node", "run", "--once", node="hq", FACTORY_ROLE="HEADQUARTERS")
    assert {name: fleet.show(name)["status"] for name in FIVE} == dict.fromkeys(FIVE, "review"), fleet.words()
    return server


def test_a_queue_survives_the_death_of_its_node_and_a_push(fleet: Fleet) -> None:
    """Five are approved, two break together. The node that tests is killed, a person pushes to the default branch, the
    other node takes over: four are merged in their order, once each, and one comes back with the reason."""
    server = _founded(fleet)
    said = [fleet.shiftbook("mission", "approve", name, node="hq") for name in FIVE]
    assert "this puts shiftbook/a/1" in said[0]
    assert "e is approved by " in said[4]
    assert "place 5 of 5 in the merge queue of shop; no node is up: `shiftbook node run`" in said[4]
    assert "no node is up: `shiftbook node run`" in fleet.shiftbook("project", "queue", "shop", node="hq")
    server.push({"slow.txt": "what runs on this is killed\n"})
    fleet.start("hq", FACTORY_ROLE="HEADQUARTERS")
    fleet.start("vps", FACTORY_ROLE="LOCAL_WORKER")
    fleet.wait("a node tests", lambda: bool(_queue(fleet)["testing"]))
    tester = _queue(fleet)["node"]
    assert _queue(fleet)["testing"] == list(FIVE)
    assert f"{tester} tests it now, with b, c, d, e" in fleet.show("a")["reason"]
    fleet.kill(tester)
    (server.person / "slow.txt").unlink()
    pushed = server.push({"person.txt": "a person's\n"})

    def settled() -> bool:
        return not _queue(fleet)["missions"]

    fleet.wait("the queue is empty", settled, seconds=600)
    fleet.start(tester, FACTORY_ROLE="HEADQUARTERS" if tester == "hq" else "LOCAL_WORKER")
    for node in ("hq", "vps"):
        fleet.ready(node)
        assert fleet.stop(node) == 0, fleet.words()
    form = "--format=%(trailers:key=Shiftbook-Mission,valueonly)"
    merged = git(server.folder, "log", "--first-parent", "--reverse", form, f"{pushed}..main").split()
    assert merged == ["a", "b", "c", "e"], fleet.words()
    back = fleet.show("d")
    assert back["status"] == "review"
    assert "with a, b, c, and pass without it: `sh check.sh` ended with exit code 1: b and d together" in back["reason"]
    assert {name: fleet.show(name)["status"] for name in merged} == dict.fromkeys(merged, "done")
    git(server.folder, "fsck", "--strict", "--no-dangling")
    assert "nothing waits in the merge queue of shop" in fleet.shiftbook("project", "queue", "shop", node="hq")
