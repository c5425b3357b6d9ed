"""Does a node do its work, in bounded memory and time, whatever stands in the ledger beside it?"""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fuzzing.hostile_ledger import Hostile
from tests.ledgers import Town, Working, working

SOUND = 40
MAX_BYTES = 128 * 1024 * 1024
FETCH_SECONDS = 0.01
"""What asking a real Git server takes at least, which is part of every round; the remote in memory answers at once."""
RUNS = 3
"""Rounds that are timed: the quickest counts, for others use the machine, too."""


def town_of(*, spoiled: bool) -> Town:
    """A ledger with sound missions: one in ten for this node, the others for an agent that it lacks."""
    agents = ["builtin" if number % 10 == 0 else "claude" for number in range(SOUND)]
    files = {f"missions/sound-{n}.md": f"---\nagent: {agent}\n---\nDo it.\n" for n, agent in enumerate(agents)}
    town = Town(files)
    if spoiled:
        Hostile(town.peer("mallory")).spoil()
    return town


@pytest.fixture(scope="module")
def spoiled() -> Town:
    """The hostile ledger."""
    return town_of(spoiled=True)


@pytest.fixture
def node(spoiled: Town, tmp_path: Path) -> Iterator[Working]:
    """A node of it that has just begun."""
    made = working(spoiled.peer("n1"), tmp_path)
    yield made
    made.node.close()


def test_the_reader_holds_little(spoiled: Town) -> None:
    """What a round reads of such a ledger takes at most 128 MiB, the huge documents included."""
    peer = spoiled.peer("n2")
    refs = peer.bus.remote.fetch()
    tracemalloc.start()
    ledger = peer.reader.read(refs)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len([name for name in ledger.open if name.startswith("sound-")]) == SOUND
    assert most < MAX_BYTES


def test_what_is_odd_is_told_and_the_rest_is_done(spoiled: Town, node: Working) -> None:
    """No round fails: each odd document is set aside with a reason, and the sound missions end in the archive."""
    node.settle(rounds=100)  # who says in it that they live have turns before this node's
    ledger = node.peer.ledger()
    assert [words for event, words in node.told if event in {"internal", "trouble", "remote"}] == []
    done = {f"sound-{number}" for number in range(0, SOUND, 10)}
    assert ledger.finished(done) == done
    reasons = {bad.name: bad.reason for bad in ledger.quarantined}
    assert {"huge", "newlines", "link", "module", "circle-a"} <= reasons.keys()
    assert all(bad.reason for bad in ledger.quarantined)


def seconds_of_a_round(town: Town, folder: Path) -> float:
    """What a round takes that finds nothing new."""
    peer = town.peer("n3")
    node = working(peer, folder, offered=["nothing"])
    node.settle()
    best = 60.0
    for _ in range(RUNS):
        begun = time.process_time()
        node.step()
        best = min(best, time.process_time() - begun)
    node.node.close()
    return best


def test_a_round_takes_no_longer_for_it(tmp_path: Path, spoiled: Town) -> None:
    """A round takes at most twice as long as one of a ledger with the same sound missions alone."""
    clean = seconds_of_a_round(town_of(spoiled=False), tmp_path / "clean")
    assert seconds_of_a_round(spoiled, tmp_path / "spoiled") < 2 * (clean + FETCH_SECONDS)
