"""Is everything dead that a cancelled mission started, wherever it runs and whoever says so?

Four missions by default; SHIFTBOOK_CANCELS=100 for the figure in the promise (`make cancels`). The ledger is served by
git://, so that nothing on the disk wakes a node, and the nodes poll every half a minute: what notices is the look that
a node takes while it works.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import statistics
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest

from orchestrator.node.wakeups import nudge
from tests.acceptance.fleets import Fleet, command
from tests.servers import git_daemon
from tests.waiting import PATIENCE

MANY = int(os.environ.get("SHIFTBOOK_CANCELS", "4"))
AT_ONCE = 5
"""Missions that each of the two nodes works on at a time."""
FAMILY = 4
"""Processes at least that a mission's command line has when all of it is up, the sandbox's not counted."""
HOOK = """\
#!/bin/sh
while read -r old new ref; do
  [ "$ref" = refs/heads/main ] && echo "$(date +%s.%N) $(git log -1 --format=%s "$new")" >>landed.log
done
exit 0
"""


def stubborn(mark: str, *, deaf: bool) -> str:
    """A command line whose children do not hear SIGTERM: one in a session of its own, one that its parent left.

    With `deaf` the command itself does not hear it either, so that nothing ends before SIGKILL.
    """
    ignore = 'trap "" TERM INT HUP; '
    child, own = f"{ignore}sleep {mark}", ignore if deaf else ""
    return f"{own}setsid sh -c '{child}' & (sh -c '{child}; true' &) ; sleep {mark} & echo up; wait; sleep {mark}"


def alive(mark: str) -> list[int]:
    """Every living process that has the mark on its command line."""
    found = []
    for each in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if mark in " ".join(each.cmdline()) and each.status() != psutil.STATUS_ZOMBIE:
                found.append(each.pid)
    return found


@dataclass
class Ground:
    """Two nodes on a served ledger. `desk` and `vps` work; either can be told from the other's home."""

    fleet: Fleet
    url: str
    took: list[float] = field(default_factory=list)
    """Seconds from the start of each order to the end of the last process,"""
    heard: list[float] = field(default_factory=list)
    """and from the moment when it stood on the server."""

    def start(self, node: str, **more: str) -> None:
        """Starts a node and waits until it is ready."""
        self.fleet.start(node, SHIFTBOOK_LEDGER=self.url, SHIFTBOOK_SLOTS=str(AT_ONCE), **more)
        self.fleet.ready(node)

    def order(self, words: tuple[str, ...], node: str) -> None:
        self.fleet.shiftbook(*words, node=node, SHIFTBOOK_LEDGER=self.url)

    def by_phone(self, method: str, path: str) -> dict[str, object]:
        """A request to the web server of `vps`."""
        record = json.loads((self.fleet.folder / "vps" / "http.json").read_text(encoding="utf-8"))
        link = http.client.HTTPConnection(urlsplit(record["url"]).netloc, timeout=PATIENCE)
        with contextlib.closing(link):
            link.request(method, path)
            answer = link.getresponse()
            said: dict[str, object] = json.loads(answer.read())
            assert answer.status == 200, said
            return said

    def file(self, names: dict[str, str]) -> None:
        """Files missions, each for one node, and wakes both: a webhook would."""
        for number, (name, node) in enumerate(names.items()):
            run = stubborn(mark_of(name), deaf=number % 3 == 2)
            path = self.fleet.clone / "missions" / f"{name}.md"
            path.write_text(command(run, to=[node]), encoding="utf-8")
        self.fleet.commit({})
        for node in ("desk", "vps"):
            nudge(self.fleet.folder / node)

    def measured(self, name: str, order: object) -> None:
        """Gives the order and waits until nothing of the mission is left."""
        assert callable(order)
        begun = time.time()
        given = threading.Thread(target=order)  # what it started may be dead before the order's own process has ended
        given.start()
        self.fleet.wait(f"{name} is dead", lambda: not alive(mark_of(name)))
        over = time.time()
        given.join()
        self.took.append(over - begun)
        self.heard.append(over - self.landed(f"Cancel {name}"))

    def landed(self, subject: str) -> float:
        """When the server took a commit in, by its own hook."""
        lines = (self.fleet.bare / "landed.log").read_text(encoding="utf-8").splitlines()
        return next(float(line.split(" ", 1)[0]) for line in lines if line.split(" ", 1)[1] == subject)


def mark_of(name: str) -> str:
    """A time to sleep for that no other process has."""
    return f"86400.{int(name.rpartition('-')[2]):04d}{os.getpid() % 100_000:05d}"


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """Both nodes, ready, for all tests of this module: what one of them leaves does not bear the names of another."""
    fleet = Fleet(tmp_path_factory.mktemp("ground"))
    with contextlib.closing(fleet), git_daemon(fleet.folder) as url:
        fleet.beat = 10.0
        fleet.found("desk", "vps")
        key = next(path for path in (fleet.folder / "vps" / "keys").glob("*.pub") if path.name != "node.pub")
        fleet.shiftbook("fleet", "admit", "ada-away", "--role", "author", "--key", str(key), node="desk")
        text = (fleet.clone / "fleet.toml").read_text(encoding="utf-8")
        fleet.commit({"fleet.toml": text.replace("[0.3, 1.0]", "[20, 30]") + "[workspaces]\nkeep_days = 0\n"})
        hook = fleet.bare / "hooks" / "post-receive"
        hook.write_text(HOOK, encoding="utf-8")
        hook.chmod(0o755)
        made = Ground(fleet, f"{url}/ledger.git")
        made.start("desk")
        made.start("vps", SHIFTBOOK_HTTP="127.0.0.1:0", FACTORY_ROLE="HEADQUARTERS")
        fleet.wait("the web server is up", lambda: (fleet.folder / "vps" / "http.json").exists())
        yield made


@pytest.fixture
def ground(founded: Ground) -> Ground:
    """The same, also after a test that killed one."""
    if "desk" not in founded.fleet.running:
        founded.start("desk")
    return founded


@pytest.mark.timeout(600 + 30 * MANY)
def test_a_cancelled_mission_leaves_no_process(ground: Ground, capsys: pytest.CaptureFixture[str]) -> None:
    """Told from the other node's command line or over the API; deaf children in sessions of their own are gone, too."""
    fleet, left = ground.fleet, MANY
    while left > 0:
        first = MANY - left
        names = {f"stubborn-{n}": ("desk", "vps")[n % 2] for n in range(first, first + min(left, 2 * AT_ONCE))}
        ground.file(names)
        for name in names:
            fleet.wait(f"{name} is up", lambda name=name: len(alive(mark_of(name))) >= FAMILY)
        for number, (name, node) in enumerate(names.items()):
            if node == "desk" and number % 4 == 0:
                path = f"/api/v1/missions/{name}/cancellation"
                ground.measured(name, lambda path=path: ground.by_phone("PUT", path))
            else:
                other = "vps" if node == "desk" else "desk"
                ground.measured(name, lambda n=name, o=other: ground.order(("mission", "cancel", n), o))
        left -= len(names)
    mine = {f"stubborn-{n}" for n in range(MANY)}
    over = lambda: {n for n, m in fleet.missions().items() if m["status"] == "cancelled"} >= mine  # noqa: E731
    fleet.wait("all are cancelled on the branch", over)
    for node in ("desk", "vps"):
        fleet.wait("no folder is left", lambda node=node: not mine & folders(fleet.folder / node / "work"))
    with capsys.disabled():
        print(f"\n{MANY} cancelled missions, nothing left of any; {figures(ground)}")


def folders(work: Path) -> set[str]:
    """The missions that have a folder there, on its way out or not."""
    return {path.name.lstrip(".").rpartition("-")[0] for path in work.iterdir()}


def figures(ground: Ground) -> str:
    """What was measured, in words."""
    pairs = (("from the order's start", ground.took), ("from when it stood on the server", ground.heard))
    each = (f"{what}: median {statistics.median(s):.2f} s, longest {max(s):.2f} s" for what, s in pairs)
    return "; ".join(each)


def test_a_paused_mission_leaves_no_process_and_is_resumed(ground: Ground) -> None:
    """Over the API of another node: it is parked with its reason, goes on when told to, and can then be cancelled."""
    fleet, name = ground.fleet, "stubborn-9000"
    ground.file({name: "desk"})
    fleet.wait("it is up", lambda: len(alive(mark_of(name))) >= FAMILY)
    said = ground.by_phone("PUT", f"/api/v1/missions/{name}/pause")
    assert (said["status"], said["reason"]) == ("running", "paused; the node is told to stop")
    fleet.wait("nothing runs", lambda: not alive(mark_of(name)))
    fleet.wait("it is parked", lambda: fleet.missions()[name]["status"] == "parked")
    shown = fleet.missions()[name]
    assert (shown["reason"], shown["attempt"], shown["kept_on"]) == ("paused by ada-away", 0, "desk")
    again = fleet.run("mission", "pause", name, node="vps", SHIFTBOOK_LEDGER=ground.url)
    assert (again.returncode, again.stderr.count("only a mission that is queued, running or failed")) == (4, 1)
    ground.order(("mission", "resume", name), "desk")
    fleet.wait("it runs again", lambda: len(alive(mark_of(name))) >= FAMILY)
    ground.order(("mission", "cancel", name), "vps")
    fleet.wait("nothing runs", lambda: not alive(mark_of(name)))


def test_a_killed_node_leaves_no_process(ground: Ground) -> None:
    """SIGKILL to the node: what its missions started in the sandbox dies with it."""
    fleet, name = ground.fleet, "stubborn-9001"
    ground.file({name: "desk"})
    fleet.wait("it is up", lambda: len(alive(mark_of(name))) >= FAMILY)
    fleet.kill("desk")
    fleet.wait("nothing runs", lambda: not alive(mark_of(name)))
