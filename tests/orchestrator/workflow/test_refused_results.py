"""Is a result that cannot be taken looked at once, and again when what it was refused for has changed?"""

from __future__ import annotations

import pytest

from missions.lease import ClaimState
from missions.mission import Status
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.workflow.fold import FoldResult, fold
from orchestrator.workflow.refused_results import RefusedResults
from sync.objects import edit_tree, object_id, write_commit
from sync.remote import RefUpdate
from tests.fuzzing.counted_work import CountingStore, counted
from tests.ledgers import Keys, Peer, Town

BROKEN = b"[" * 1000


@pytest.fixture
def town() -> Town:
    """A ledger with two missions, whose reads are counted."""
    town = Town({"missions/a.md": "Do a.\n", "missions/b.md": "Do b.\n"})
    town.server.store = CountingStore(objects=town.server.store.objects)
    return town


def end_with(peer: Peer, mission: str, log: str) -> None:
    """Ends a mission with a record at any name."""
    held = peer.hold(mission)
    said = type(held.claim)(**{**vars(held.claim), "state": ClaimState.DONE, "log": log})
    oid = peer.bus.commit({"claim.json": said.print()}, "done", onto=held.oid, tree=None)
    moved = peer.bus.remote.push([RefUpdate(ref=f"refs/shiftbook/claim/{mission}", expect=held.oid, new=oid)])
    assert set(moved.values()) == {"accepted"}


def broken_record(peer: Peer) -> str:
    """A commit that carries no record."""
    return peer.bus.commit({"record.json": BROKEN}, "odd", onto=None, tree=None)


def folded(peer: Peer, refused: RefusedResults) -> FoldResult:
    """One fold that remembers."""
    return fold(peer.bus, peer.reader, peer.trust, refused=refused)


def test_a_record_that_is_none_is_read_once(town: Town) -> None:
    """It is refused, told, and passed over from then on, also when the branch moves; what else ended is folded."""
    node, refused = town.peer("n1"), RefusedResults()
    end_with(node, "a", broken_record(node))
    assert list(folded(node, refused).refused) == ["a"]
    assert refused.undecided(node.ledger()) == []
    node.push({"note.md": "x"})
    ledger = node.ledger()
    assert isinstance(town.server.store, CountingStore)
    with counted(town.server.store) as done:
        assert refused.undecided(ledger) == []
    assert (done().objects, done().parsed) == (0, 0)
    node.attempt("b")
    assert list(folded(node, refused).missions) == ["b"]


def test_a_record_that_is_missing_may_still_come(town: Town) -> None:
    """It is looked for ever more seldom, and the result is taken when it is there."""
    node, refused = town.peer("n1"), RefusedResults()
    blob = object_id("blob", BROKEN)
    end_with(node, "a", blob)
    asked = []
    for number in range(20):
        asked += [number] if refused.undecided(node.ledger()) else []
        if asked[-1:] == [number]:
            assert "missing" in folded(node, refused).refused["a"]
    assert asked == [0, 2, 5, 10, 19]


def test_other_signers_have_it_looked_at_again(town: Town) -> None:
    """A key may have been listed meanwhile."""
    node, refused = town.peer("n1"), RefusedResults()
    end_with(node, "a", broken_record(node))
    folded(node, refused)
    ledger = node.ledger()
    other = LedgerSnapshot(**{**{f: getattr(ledger, f) for f in vars(ledger)}, "signers": "somebody else"})
    assert [held.claim.mission for held in refused.undecided(other)] == ["a"]


def test_another_text_has_what_did_not_fit_looked_at_again(town: Town) -> None:
    """A sound record that its mission could not be read with is tried with the next version of the file."""
    node, refused = town.peer("n1"), RefusedResults()
    node.attempt("a")
    (held,) = refused.undecided(node.ledger())
    refused.note_unfit(node.ledger(), held)
    node.push({"missions/b.md": "Do b, please.\n"})
    assert refused.undecided(node.ledger()) == []
    node.push({"missions/a.md": "Do a, please.\n"})
    assert refused.undecided(node.ledger()) == [held]


def test_what_is_gone_is_forgotten(town: Town) -> None:
    """What is remembered is of the claims that stand."""
    node, refused = town.peer("n1"), RefusedResults()
    end_with(node, "a", broken_record(node))
    folded(node, refused)
    ref = "refs/shiftbook/claim/a"
    node.bus.remote.push([RefUpdate(ref=ref, expect=node.bus.remote.fetch()[ref], new=None)])
    assert refused.undecided(node.ledger()) == []
    assert refused._known == {}


def test_a_commit_without_a_record_is_no_record(town: Town) -> None:
    """An empty one is refused like a broken one."""
    node, refused = town.peer("n1"), RefusedResults()
    tree = edit_tree(node.bus.store, None, {"other.txt": b"x"})
    assert tree is not None
    facts = {"name": "m", "email": "m@x", "message": "odd", "sign": None}
    end_with(node, "a", write_commit(node.bus.store, tree=tree, parents=(), when=1, **facts))  # type: ignore[arg-type]
    assert list(folded(node, refused).refused) == ["a"]
    assert refused.undecided(node.ledger()) == []


@pytest.mark.parametrize("lost", [False, True], ids=["no commit", "not there"])
def test_a_record_whose_signature_cannot_be_read_stops_no_fold(keys: Keys, lost: bool) -> None:
    """A listed node names something else than a commit, or the server has lost it: the others' results are folded."""
    signers = keys.signers(anna=("admin", "author"), n1=("node",), n2=("node",))
    town = Town({"allowed_signers": signers, "missions/a.md": "Do a.\n", "missions/b.md": "Do b.\n"})
    node, other, refused = town.peer("n1", key=keys["n1"]), town.peer("n2", key=keys["n2"]), RefusedResults()
    end_with(node, "a", object_id("blob", b"lost") if lost else node.bus.store.put("blob", BROKEN))
    other.attempt("b")
    done = folded(other, refused)
    assert done.missions == {"b": Status.DONE}
    assert "its record cannot be read" in done.refused["a"]
    assert "a" in other.ledger().claims
    assert folded(other, refused).missions == {}
    assert bool(refused.undecided(other.ledger())) == lost  # what is not there may still come
