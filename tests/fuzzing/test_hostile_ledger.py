"""Does a node do its work, in bounded memory and time, whatever stands in the ledger beside it?"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from missions.selection import NodeCapabilities
from orchestrator.core.roles import Role
from orchestrator.ledger.claim_reader import MAX_ROUNDS_BETWEEN_LOOKS, HeldClaim
from orchestrator.ledger.node_pages import render_page
from tests.fuzzing.counted_work import CountingStore, Work, counted
from tests.fuzzing.hostile_ledger import Hostile
from tests.ledgers import Peer, Town, Working, working

SOUND, BUSY = 40, 400
"""Sound missions: as many as are quickly done, and so many that the folder which holds them is as large as what is put
beside them. A folder in which something changed is read whole."""
MAX_BYTES, MAX_FIRST_BYTES = 128 * 1024 * 1024, 1024 * 1024
"""Bytes that a reader may hold at most, and that the first round may read where some 45 MB stand there."""


def town_of(*, spoiled: bool, sound: int = SOUND) -> Town:
    """A ledger with sound missions: one in ten for this node, the others for an agent that it lacks."""
    agents = ["builtin" if number % 10 == 0 else "claude" for number in range(sound)]
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


@dataclass
class Rounds:
    """A node that takes nothing on, and others who move the ledger; each step of theirs is one round of the node's."""

    town: Town
    folder: Path
    store: CountingStore = field(init=False)
    node: Working = field(init=False)
    other: Peer = field(init=False)

    def __post_init__(self) -> None:
        self.store = CountingStore(objects=self.town.server.store.objects)
        self.town.server.store = self.store
        self.node = working(self.town.peer("n3"), self.folder, offered=["nothing"], once=True)
        self.other = self.town.peer("n9")

    def round(self, moved: Callable[[], object] = lambda: None) -> Work:
        """What one round costs after somebody moved something."""
        moved()
        with counted(self.store) as done:
            self.node.node.step()
        return done()

    def steady(self) -> dict[str, Work]:
        """What rounds cost by what has happened, when all that stands there was seen before."""
        self.node.settle()
        for _ in range(2 * MAX_ROUNDS_BETWEEN_LOOKS):  # what lacks an object is looked at ever more seldom
            self.node.step()
        self.moves(0)  # the first of each may set something up
        return self.moves(1)

    def moves(self, number: int) -> dict[str, Work]:
        """Each kind of round once."""
        other = self.other
        held: list[HeldClaim] = []
        page = render_page(NodeCapabilities(node="n9", role=f"ROLE-{number}"), Role.LOCAL_WORKER)

        def folded() -> None:
            other.attempt(f"sound-{10 + number}")
            other.fold()

        return {
            "nothing": self.round(),
            "a document": self.round(lambda: other.push({"note.md": f"{number}"})),
            "a mission": self.round(lambda: other.push({f"missions/new-{number}.md": f"Do {number}.\n"})),
            "a page": self.round(lambda: other.push({"heartbeats/n9.md": page + f"{number}\n"})),
            "a claim": self.round(lambda: held.append(other.hold(f"sound-{number}"))),
            "a result": self.round(lambda: other.end(held[-1])),
            "after its own fold": self.round(),
            "a fold of another": self.round(folded),
        }


def test_the_first_look_is_bounded(tmp_path: Path) -> None:
    """What is new is read once: of each object at most what its reader takes, however large it is."""
    rounds = Rounds(town_of(spoiled=True), tmp_path)
    there = len(rounds.store.objects)
    first = rounds.round()
    assert first.objects < there
    assert first.parsed < there
    assert first.bytes < MAX_FIRST_BYTES
    assert rounds.round().objects == 0


def test_a_round_reads_no_more_for_it(tmp_path: Path) -> None:
    """In each kind of round at most twice as much is read, parsed and asked of git as in a ledger of the same sound
    missions alone: what was rejected once is neither read, parsed nor told again."""
    clean = Rounds(town_of(spoiled=False, sound=BUSY), tmp_path / "clean").steady()
    spoiled = Rounds(town_of(spoiled=True, sound=BUSY), tmp_path / "spoiled").steady()
    assert clean["nothing"] == Work()
    assert {kind for kind, work in spoiled.items() if not work.within(2, clean[kind])} == set(), (clean, spoiled)
