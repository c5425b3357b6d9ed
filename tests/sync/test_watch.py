"""Does a node on the same disk learn at once that the repository moved, and sleep through beats?"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from sync.heartbeat import Beat
from sync.remote import RefUpdate
from sync.watch import watch_refs
from tests.ledgers import Peer, Town
from tests.orchestrator.repositories import git

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
    assert nudged.wait(5)


def test_a_claim_and_its_deletion_nudge(town: Town, nudged: threading.Event) -> None:
    """So do the refs beside the branch."""
    peer = town.peer("n2")
    held = peer.hold("m")
    assert nudged.wait(5)
    nudged.clear()
    peer.line.push([RefUpdate(ref=CLAIM, expect=held.oid, new=None)])
    assert nudged.wait(5)


def test_packed_refs_nudge(town: Town, nudged: threading.Event) -> None:
    """A server that packs its refs moves a file beside them."""
    git(town.bare, "pack-refs", "--all")
    assert nudged.wait(5)


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


def test_after_the_stop_nothing_nudges(town: Town) -> None:
    """The watch ends with its thread, and stopping twice is no error."""
    event = threading.Event()
    stop = watch_refs(town.bare, event.set)
    stop()
    town.peer("anna").push({"x": "y"})
    assert not event.wait(0.5)
    stop()
