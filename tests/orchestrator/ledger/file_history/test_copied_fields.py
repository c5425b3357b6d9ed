"""Is a mission that a person copied done again, and is one that nodes have written never mistaken for a copy?"""

from __future__ import annotations

import pytest

from missions.document import with_fields
from missions.lease import ClaimState
from missions.mission import Mission, Quarantined, Status
from tests.ledgers import Peer, Town

HELD = "---\napprove: always\nmax_retries: 1\n---\ndo it\n"


def push(peer: Peer, files: dict[str, str | None]) -> None:
    """A person's commit on the branch."""
    from sync.remote import RefUpdate

    ledger = peer.ledger()
    data = {path: None if text is None else text.encode() for path, text in files.items()}
    commit = peer.bus.commit(data, "by hand", onto=ledger.tip, tree=ledger.tree)
    peer.bus.remote.push([RefUpdate(ref=peer.bus.main, expect=ledger.tip, new=commit)])


def ended(state: ClaimState, *, held: bool = False) -> tuple[Peer, str]:
    """A ledger in which a node has had the mission `m`, and where its file is now."""
    peer = Town({"missions/m.md": HELD if held else HELD.replace("always", "policy")}).peer("n1")
    peer.attempt("m", state)
    peer.fold()
    return peer, next(path for path in peer.paths() if path.endswith("/m.md"))


STATES = [
    (ClaimState.DONE, False, Status.DONE),
    (ClaimState.DONE, True, Status.REVIEW),
    (ClaimState.CANCELLED, False, Status.CANCELLED),
    (ClaimState.FAILED, False, Status.DEAD),
    (ClaimState.PARKED, False, Status.PARKED),
]


@pytest.mark.parametrize(("state", "held", "status"), STATES)
def test_a_copy_starts_anew(state: ClaimState, held: bool, status: Status) -> None:
    """Whatever the first one has come to: the copy is queued with no attempts, said in one note, and runs as itself."""
    peer, path = ended(state, held=held)
    text = peer.text(path)
    assert f"status: {status.value}" in text
    push(peer, {"missions/again.md": text.replace("do it", "do it again")})
    filed = peer.ledger().open["again"]
    assert (filed.mission.status, filed.mission.attempt, filed.mission.node) == (Status.QUEUED, 0, None)
    assert "status" in filed.copied
    assert peer.fold().missions == {}
    peer.attempt("again")
    peer.fold()
    done = peer.ledger().archived("again") or peer.ledger().open["again"]
    assert done.copied == ()
    assert (done.mission.node, done.mission.attempt) == ("n1", 1)
    assert "it began anew" in peer.text(done.path)


@pytest.mark.parametrize(("state", "held", "status"), STATES)
def test_what_a_node_has_written_is_believed(state: ClaimState, held: bool, status: Status) -> None:
    """Also after a person's edit, or after the file was deleted and brought back, or spelled in another way."""
    peer, path = ended(state, held=held)
    if path != "missions/m.md":
        return
    text = peer.text(path)

    def stands(name: str = "m") -> None:
        filed = peer.ledger().open[name]
        assert (filed.mission.status, filed.mission.attempt, filed.copied) == (status, before.attempt, ())

    before = peer.ledger().open["m"].mission
    stands()
    push(peer, {path: text.replace("do it", "do it well")})
    stands()
    push(peer, {path: None})
    push(peer, {path: text})
    stands()
    push(peer, {path: None, "missions/M.md": text})
    stands()


def test_a_person_decides_over_a_copy() -> None:
    """What somebody changes in it afterwards counts, as long as no node has had it."""
    peer, path = ended(ClaimState.DONE)
    text = peer.text(path)
    push(peer, {"missions/again.md": text})
    push(peer, {"missions/again.md": with_fields(text, {"status": "cancelled"})})
    assert peer.ledger().open["again"].mission.status is Status.CANCELLED
    assert peer.fold().missions == {"again": Status.CANCELLED}


def test_a_mission_that_comes_back_from_the_archive_goes_on_counting() -> None:
    """Its attempts have branches and files; a copy beside the archived one is quarantined for its name."""
    peer, path = ended(ClaimState.DONE)
    text = peer.text(path)
    push(peer, {"missions/m.md": text})
    assert [bad.reason for bad in peer.ledger().quarantined] == [f"a finished mission has this name: {path}"]
    push(peer, {path: None})
    mission = peer.ledger().open["m"].mission
    assert (mission.status, mission.attempt, mission.epoch, mission.commit) == (Status.QUEUED, 1, 1, None)
    peer.attempt("m")
    assert peer.fold().missions == {"m": Status.DONE}


@pytest.mark.parametrize("state", ["running", "Running", "failed", "dead"])
def test_what_only_nodes_say_is_mended(state: str) -> None:
    """`status: running` without a claim runs nowhere: the mission is queued, and taken on."""
    peer = Town({}).peer("n1")
    push(peer, {"missions/a.md": f"---\nstatus: {state}\n---\ndo it\n"})
    assert peer.ledger().open["a"].mission.status is Status.QUEUED
    peer.attempt("a")
    assert peer.fold().missions == {"a": Status.DONE}


@pytest.mark.parametrize("state", ["done", "cancelled"])
def test_a_new_file_that_says_it_is_over_is_a_question(state: str) -> None:
    """It may be a copy of what was called off before it ran: neither archived nor done, until a person says which."""
    peer = Town({"missions/b.md": "do it\n"}).peer("n1")
    push(peer, {"missions/a.md": f"---\nstatus: {state}\n---\ndo it\n"})
    assert peer.fold().missions == {}
    (bad,) = peer.ledger().quarantined
    assert isinstance(bad, Quarantined)
    assert "take “status” out" in bad.reason
    push(peer, {"missions/b.md": f"---\nstatus: {state}\n---\ndo it\n"})
    assert peer.fold().missions == {"b": Status(state)}


def test_a_persons_own_words_count() -> None:
    """A new file may be parked, or wait in review."""
    peer = Town({}).peer("n1")
    push(peer, {f"missions/{state}.md": f"---\nstatus: {state}\n---\ndo it\n" for state in ("parked", "review")})
    assert {name: filed.mission.status for name, filed in peer.ledger().open.items()} == {
        "parked": Status.PARKED,
        "review": Status.REVIEW,
    }


def test_a_ledger_that_was_moved_without_its_history_is_believed() -> None:
    """Its first commit brings all files as they were."""
    peer, path = ended(ClaimState.DONE, held=True)
    moved = Town({path: peer.text(path)}).peer("n2")
    filed = moved.ledger().open["m"]
    assert isinstance(filed.mission, Mission)
    assert (filed.mission.status, filed.copied) == (Status.REVIEW, ())
