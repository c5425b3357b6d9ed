"""Does a beat prove life, cheaply, for ever, and by one node alone, whatever the line does?"""

from __future__ import annotations

from pathlib import Path

import pytest

from sync import heartbeat as beats
from sync.errors import RemoteUnreachable
from sync.heartbeat import RING_BLOBS, Beat
from sync.memory_remote import MemoryStore
from sync.remote import Oid, RefUpdate
from tests.ledgers import Peer, Town
from tests.orchestrator.repositories import git

REF = "refs/shiftbook/beat/n1"


@pytest.fixture
def town() -> Town:
    """A ledger in memory."""
    return Town()


def beat_of(peer: Peer) -> Beat:
    """A beat that has found out where it stands."""
    found = Beat(peer.bus.remote, peer.bus.store, REF)
    found.start()
    return found


def standing(town: Town) -> Oid | None:
    """Where the ref stands."""
    return town.server.refs.get(REF)


def test_every_beat_moves_the_ref(town: Town) -> None:
    """An observer sees another value each time, from the first on."""
    beat = beat_of(town.peer("n1"))
    seen = {standing(town)}
    for _ in range(5):
        assert beat.move()
        assert standing(town) not in seen
        seen.add(standing(town))


def test_a_restarted_node_moves_on_from_where_it_stood(town: Town) -> None:
    """The first beat after a restart is a move, too: it is not the value that stands there."""
    peer = town.peer("n1")
    beat = beat_of(peer)
    for _ in range(3):
        beat.move()
    before = standing(town)
    again = beat_of(town.peer("n1"))
    assert again.move()
    assert standing(town) != before


def test_a_ring_of_beats_creates_no_object_after_its_first_lap(town: Town) -> None:
    """The repository grows by one ring and then no more, however long a node lives."""
    store = town.server.store
    assert isinstance(store, MemoryStore)
    before = len(store.objects)
    beat = beat_of(town.peer("n1"))
    for _ in range(RING_BLOBS + 1):
        beat.move()
    lap = len(store.objects)
    assert lap - before <= RING_BLOBS
    for _ in range(RING_BLOBS):
        assert beat.move()
    assert len(store.objects) == lap


def test_all_nodes_share_the_rings_objects(town: Town) -> None:
    """A second node adds refs, not blobs."""
    beat_of(town.peer("n1")).move()
    objects = len(town.server.store.objects)
    other = Beat(town.peer("n2").bus.remote, town.server.store, "refs/shiftbook/beat/n2")
    other.start()
    other.move()
    assert len(town.server.store.objects) == objects


def test_the_server_does_not_grow_after_a_lap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same on a real bare repository, with a short ring: the number of objects there stays."""
    monkeypatch.setattr(beats, "RING_BLOBS", 5)
    town = Town(folder=tmp_path)
    beat = beat_of(town.peer("n1"))
    counts = []
    for _ in range(15):
        assert beat.move()
        counts.append(git(town.bare, "count-objects").split()[0])
    assert len(set(counts[5:])) == 1
    town.close()


def test_two_nodes_under_one_name_find_out(town: Town) -> None:
    """One of them has its ref moved by the other and is told, within a beat each."""
    one, two = beat_of(town.peer("n1")), beat_of(town.peer("n1"))
    assert one.move()
    assert not two.move()


def test_two_nodes_in_step_find_out(town: Town) -> None:
    """Trap A: the second of two equal pushes is answered with success, but it has moved nothing."""
    one = beat_of(town.peer("n1"))
    one.move()
    two = beat_of(town.peer("n1"))
    assert two.move()
    assert not one.move()


def test_a_ref_that_somebody_deleted_is_noticed(town: Town) -> None:
    """Its node did not do it."""
    beat = beat_of(town.peer("n1"))
    beat.move()
    del town.server.refs[REF]
    assert not beat.move()


def test_a_beat_that_could_not_go_out_is_an_error_and_the_next_goes_on(town: Town) -> None:
    """RemoteUnreachable, as often as it takes; then the node beats on under its own name."""
    peer = town.peer("n1")
    beat = beat_of(peer)
    assert beat.move()
    peer.line.cut = True
    for _ in range(3):
        with pytest.raises(RemoteUnreachable):
            beat.move()
    peer.line.cut = False
    assert beat.move()


def test_a_beat_whose_answer_was_lost_was_a_beat(town: Town) -> None:
    """It arrived: fetching shows it."""
    peer = town.peer("n1")
    beat = beat_of(peer)
    peer.line.lose_answers = 1
    assert beat.move()
    assert beat.move()


def test_a_beat_that_got_lost_on_the_way_is_not_a_second_node(town: Town) -> None:
    """Nobody could tell whether it arrived, and it did not: nobody else has moved the ref."""
    peer = town.peer("n1")
    beat = beat_of(peer)
    beat.move()
    peer.line.lose_pushes = 1
    before = standing(town)
    assert beat.move()
    assert standing(town) != before


def test_a_beat_that_arrived_just_before_the_line_was_cut_is_not_a_second_node(town: Town) -> None:
    """Neither the answer nor the fetch came through; when the line is back, the ref stands where this node put it."""
    peer = town.peer("n1")
    beat = beat_of(peer)
    assert beat.move()
    peer.line.lose_answers, peer.line.cut_after_push = 1, True
    with pytest.raises(RemoteUnreachable):
        beat.move()
    with pytest.raises(RemoteUnreachable):
        beat.move()
    peer.line.cut = peer.line.cut_after_push = False
    assert beat.move()
    assert beat.move()


def test_a_real_double_after_a_cut_line_is_still_found_out(town: Town) -> None:
    """A ref that stands where this node never put it was moved by somebody else."""
    peer = town.peer("n1")
    beat = beat_of(peer)
    assert beat.move()
    peer.line.lose_answers, peer.line.cut_after_push = 1, True
    with pytest.raises(RemoteUnreachable):
        beat.move()
    peer.line.cut = peer.line.cut_after_push = False
    other = peer.bus.store.put("blob", b"shiftbook beat 77\n")
    town.peer("x").line.push([RefUpdate(ref=REF, expect=standing(town), new=other)])
    assert not beat.move()


@pytest.mark.parametrize("text", [b"", b"nonsense\n", b"shiftbook beat x\n", b"\xff\xfe", b"shiftbook beat 99999\n"])
def test_a_ref_with_a_strange_value_is_moved_on(town: Town, text: bytes) -> None:
    """An old version's beat, or somebody's joke: the node starts from there."""
    town.server.refs[REF] = town.server.store.put("blob", text)
    assert beat_of(town.peer("n1")).move()
