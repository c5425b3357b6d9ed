"""Is each claim read once, also one that is none, and one that lacks an object now and then until it is there?"""

from __future__ import annotations

import itertools
import json

import pytest

from missions.lease import Claim
from orchestrator.ledger.claim_reader import (
    MANY_GONE,
    MAX_CLAIM_BYTES,
    MAX_FEW,
    MAX_ROUNDS_BETWEEN_LOOKS,
    ClaimReader,
    MissingObjects,
)
from orchestrator.ledger.transport import CLAIM
from sync.objects import FILE, TreeEntry, edit_tree, object_id, print_tree, write_commit
from sync.remote import Oid
from tests.fuzzing.counted_work import CountingStore

SOUND = Claim(mission="m", blob="a" * 40, node="n1", boot="b", epoch=1, attempt=1, nonce="x")


@pytest.fixture
def store() -> CountingStore:
    """Objects that are counted."""
    return CountingStore()


def commit(store: CountingStore, tree: Oid) -> Oid:
    """A commit with a tree, which may be missing."""
    return write_commit(store, tree=tree, parents=(), name="n1", email="n@x", when=1, message="claim", sign=None)


def claim_tree(store: CountingStore, text: bytes) -> Oid:
    """A tree with a claim's file."""
    tree = edit_tree(store, None, {"claim.json": text})
    assert tree is not None
    return tree


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (SOUND.print(), ""),
        (b"{", "Expecting"),
        (json.dumps({"mission": "m"}).encode(), "state"),
        (b" " * (MAX_CLAIM_BYTES + 1), "bytes"),
    ],
)
def test_a_claim_is_read_once(store: CountingStore, text: bytes, why: str) -> None:
    """Whether it is one or not: what its bytes say they say for ever."""
    reader, refs = ClaimReader(store), {f"{CLAIM}m": commit(store, claim_tree(store, text))}
    held, junk = reader.read(refs)
    assert (list(held), list(junk)) == (["m"], []) if not why else why in junk["m"]
    done = store.done.objects
    for _ in range(3):
        assert reader.read(refs) == (held, junk)
    assert store.done.objects == done


def test_what_is_missing_is_looked_for_ever_more_seldom_and_found(store: CountingStore) -> None:
    """Somebody may send it again: then the claim counts, after so many rounds at the latest."""
    bytes_of_tree = print_tree({"claim.json": TreeEntry(FILE, object_id("blob", SOUND.print()))})
    reader, refs = ClaimReader(store), {f"{CLAIM}m": commit(store, object_id("tree", bytes_of_tree))}
    looks = []
    for number in range(4 * MAX_ROUNDS_BETWEEN_LOOKS):
        before = store.done.objects
        assert "missing" in reader.read(refs)[1]["m"]
        looks += [number] if store.done.objects > before else []
    pauses = [later - earlier - 1 for earlier, later in itertools.pairwise(looks)]
    assert pauses == [1, 2, 4, 8, 16, 32, 64, 64]
    claim_tree(store, SOUND.print())
    found = [bool(reader.read(refs)[0]) for _ in range(MAX_ROUNDS_BETWEEN_LOOKS + 1)]
    assert found[-1]
    assert found == sorted(found)


def test_a_name_that_no_object_can_have_is_not_looked_for_again(store: CountingStore) -> None:
    """A commit without a tree is read once."""
    reader, refs = ClaimReader(store), {f"{CLAIM}m": store.put("commit", b"tree\n\n")}
    first = reader.read(refs)[1]
    done = store.done.objects
    assert all(reader.read(refs)[1] == first for _ in range(3))
    assert store.done.objects == done


def test_a_claim_that_moved_is_read_and_the_other_forgotten(store: CountingStore) -> None:
    """What is remembered is of the refs that stand, so that it does not grow."""
    reader = ClaimReader(store)
    for number in range(2 * (MAX_FEW + MANY_GONE)):
        text = Claim(**{**vars(SOUND), "nonce": f"{number}"}).print()
        held, _ = reader.read({f"{CLAIM}m": commit(store, claim_tree(store, text))})
        assert held["m"].claim.nonce == f"{number}"
        assert len(reader._known) <= MAX_FEW + MANY_GONE + 1


def test_a_claim_on_another_mission_is_none(store: CountingStore) -> None:
    """Its ref says of what it is a claim."""
    held, junk = ClaimReader(store).read({f"{CLAIM}other": commit(store, claim_tree(store, SOUND.print()))})
    assert held == {}
    assert junk == {"other": "it is a claim on m"}


def test_what_is_not_asked_about_any_more_is_forgotten() -> None:
    """A ref that went away leaves nothing, and begins anew when it comes back."""
    missing = MissingObjects()
    assert missing.note("a", "why") == "why"
    assert missing.reason("a") == "why"
    missing.keep(set())
    assert missing.reason("a") == ""
