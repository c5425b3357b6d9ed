"""Does a node on the same disk learn at once that the repository moved, and sleep through beats?"""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from sync.disk.watch import watch_refs
from sync.git_remote import GitRemote
from sync.heartbeat import Beat
from sync.remote import RefUpdate
from tests.conftest import lacking
from tests.ledgers import Peer, Town
from tests.orchestrator.repositories import git
from tests.waiting import PATIENCE

CLAIM = "refs/shiftbook/claim/m"


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    """A ledger on a real bare repository."""
    town = Town({"missions/m.md": "x"}, folder=tmp_path)
    yield town
    town.close()


@pytest.fixture
def nudged(town: Town) -> Iterator[threading.Event]:
    """Set whenever the watch nudges."""
    event = threading.Event()
    beat(town.peer("n1"))
    stop = watch_refs(town.bare, event.set)
    yield event
    stop()


def beat(peer: Peer) -> None:
    """One beat of a node."""
    found = Beat(peer.bus.remote, peer.bus.store, f"refs/shiftbook/beat/{peer.name}")
    found.start()
    assert found.move()


def test_a_push_nudges(town: Town, nudged: threading.Event) -> None:
    """A person pushes a mission: a node on the same disk is woken."""
    town.peer("anna").push({"missions/new.md": "do it"})
    assert nudged.wait(PATIENCE)


def test_a_claim_and_its_deletion_nudge(town: Town, nudged: threading.Event) -> None:
    """So do the refs beside the branch."""
    peer = town.peer("n2")
    held = peer.hold("m")
    assert nudged.wait(PATIENCE)
    nudged.clear()
    peer.line.push([RefUpdate(ref=CLAIM, expect=held.oid, new=None)])
    assert nudged.wait(PATIENCE)


def test_packed_refs_nudge(town: Town, nudged: threading.Event) -> None:
    """A server that packs its refs moves a file beside them."""
    git(town.bare, "pack-refs", "--all")
    assert nudged.wait(PATIENCE)


def test_beats_do_not_nudge(town: Town, nudged: threading.Event) -> None:
    """Or every node of the fleet would be woken all the time."""
    peer = town.peer("n1")
    for _ in range(3):
        beat(peer)
    assert not nudged.wait(0.7)


def test_looking_does_not_nudge(town: Town, nudged: threading.Event) -> None:
    """A fetch reads the refs; reading is no news."""
    town.peer("n2").ledger()
    git(town.bare, "for-each-ref")
    assert not nudged.wait(0.7)


def test_a_clone_that_brings_nothing_new_does_not_nudge(town: Town, tmp_path: Path) -> None:
    """Whoever watches its own clone and fetches when it is nudged would fetch for ever: a fetch takes a lock beside the
    refs, which changes their folder and no ref. One that brings something nudges."""
    remote = GitRemote(str(town.bare), tmp_path / "clone.git")
    remote.fetch()
    event = threading.Event()
    stop = watch_refs(tmp_path / "clone.git", event.set)
    try:
        remote.fetch()
        assert not event.wait(0.7)
        town.peer("anna").push({"missions/new.md": "do it"})
        remote.fetch()
        assert event.wait(PATIENCE)
    finally:
        stop()
        remote.close()


def test_after_the_stop_nothing_nudges(town: Town) -> None:
    """The watch ends with its thread, and stopping twice is no error."""
    event = threading.Event()
    stop = watch_refs(town.bare, event.set)
    stop()
    town.peer("anna").push({"x": "y"})
    assert not event.wait(0.5)
    stop()


WITHOUT = """
import sys, threading
from pathlib import Path
from sync.disk.watch import TreeWatch, watch_file, watch_refs
folder = Path(sys.argv[1])
moved, touched, seen = threading.Event(), threading.Event(), threading.Event()
stops = [watch_refs(folder, moved.set), watch_file(folder / "nudge", touched.set)]
tree = TreeWatch(folder, ["refs"], lambda path: seen.set())
tree.refresh()
(folder / "refs" / "heads" / "other").write_text("x")
(folder / "nudge").touch()
print(moved.wait(60), touched.wait(60), seen.wait(60))
tree.close()
for stop in stops:
    stop()
"""


def test_without_any_inotify_left_files_are_looked_at(tmp_path: Path) -> None:
    """Another program of the same user has taken every instance: what watches starts all the same."""
    git(tmp_path, "init", "--quiet", "--bare", ".")
    limit = "/proc/sys/user/max_inotify_instances"
    none_left = f'echo 0 >{limit} && exec "$@"'
    words = ["unshare", "--user", "--map-root-user", "sh", "-c", none_left, "sh", sys.executable, "-c", WITHOUT]
    done = subprocess.run([*words, str(tmp_path)], capture_output=True, text=True, timeout=2 * PATIENCE, check=False)
    if limit in done.stderr or "unshare" in done.stderr:
        lacking("no user namespace can be made here")
    assert done.stdout.split() == ["True"] * 3, done.stderr


def test_what_the_library_says_of_its_own_end_is_not_told_to_people() -> None:
    """Where nobody has set up any logging, Python's last resort would write it to the terminal."""
    program = "import logging, sync.disk.watch; logging.getLogger('watchdog.observers.inotify').error('inactive')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr == ""
