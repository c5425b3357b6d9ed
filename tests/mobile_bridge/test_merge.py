"""Facts about what operations come to: the same everywhere, with every word kept and every conflict told."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from mobile_bridge.merge import MergedOperations
from mobile_bridge.operations import Draft, Operation, encode, read_operations

from tests.mobile_bridge.strategies import histories

VECTORS = Path(__file__).parent / "vectors" / "merge.json"


def text(merged: MergedOperations) -> str:
    """All of it, to be compared to the byte."""
    return json.dumps(merged.json(), sort_keys=True)


def put(
    device: str, seq: int, value: Any, base: str = "", *, wall: int = 0, resolves: tuple[str, ...] = ()
) -> Operation:
    """Sets one register."""
    hlc = f"{wall or seq:015d}-00000-{device}"
    more: dict[str, Any] = {"entity": "draft/d", "field": "text", "kind": "set"}
    return Operation(device=device, seq=seq, hlc=hlc, value=value, base=base, resolves=resolves, **more)


def said(draft: Draft, device: str, seq: int, wall: int, base: str) -> Operation:
    """A draft as a device says it."""
    hlc = f"{wall:015d}-00000-{device}"
    words = {name: getattr(draft, name) for name in ("kind", "entity", "field", "value", "resolves")}
    return Operation(device=device, seq=seq, hlc=hlc, base=base, **words)


@given(histories(), st.randoms(use_true_random=False))
def test_the_order_in_which_operations_come_changes_nothing(ops: list[Operation], chance: Any) -> None:
    """Nor how often, nor in how many parts: adding one after another is as all at once."""
    whole = text(MergedOperations.of(ops))
    shuffled = [*ops, *chance.sample(ops, k=len(ops) // 2)]
    chance.shuffle(shuffled)
    growing = MergedOperations()
    while shuffled:
        part, shuffled = shuffled[: chance.randint(1, 4)], shuffled[4:] if len(shuffled) > 4 else []
        growing.add(part)
    growing.add(ops)
    assert text(growing) == whole


@given(histories(), histories())
def test_two_who_tell_each_other_all_have_the_same(one: list[Operation], other: list[Operation]) -> None:
    """Also where the two know different operations under one number, as after a store was copied."""
    mine, theirs = MergedOperations.of(one), MergedOperations.of(other)
    mine.add(other)
    theirs.add(one)
    assert text(mine) == text(theirs)


@given(histories())
def test_what_is_known_already_is_not_new(ops: list[Operation]) -> None:
    """Each operation is new once."""
    merged = MergedOperations()
    assert merged.add(ops) == ops
    assert merged.add(ops) == []


@given(histories())
def test_a_register_has_its_latest_value_and_a_list_all_of_them(ops: list[Operation]) -> None:
    """By the stamps alone."""
    merged = MergedOperations.of(ops)
    for place in {(op.entity, op.field) for op in ops}:
        here = [op for op in ops if (op.entity, op.field) == place]
        sets = sorted((op for op in here if op.kind == "set"), key=lambda op: (op.hlc, encode(op)))
        assert merged.register(*place) == (sets[-1] if sets else None)
        items = merged.items(*place)
        assert sorted(map(encode, items)) == sorted(encode(op) for op in here if op.kind == "append")
        assert all(a.hlc <= b.hlc for a, b in pairwise(items))


@given(histories())
def test_conflicts_are_what_was_set_from_one_base(ops: list[Operation]) -> None:
    """Worked out anew from the definition."""
    found = {}
    for one in ops:
        if one.kind == "set":
            same = [
                op for op in ops if (op.kind, op.entity, op.field, op.base) == ("set", one.entity, one.field, one.base)
            ]
            if len({json.dumps(op.value) for op in same}) > 1:
                found[f"{one.entity}#{one.field}@{one.base}"] = {op.key for op in same}
    told = {each.ident: {op.key for op in each.members} for each in MergedOperations.of(ops).conflicts()}
    assert told == found


def test_two_who_set_the_same_value_have_nothing_to_decide() -> None:
    """They agree."""
    assert MergedOperations.of([put("a", 1, "x"), put("b", 1, "x")]).conflicts() == ()


def test_a_person_settles_a_conflict_and_a_latecomer_opens_it_again() -> None:
    """The resolution stands; what a third device said meanwhile is not lost in silence."""
    merged = MergedOperations.of([put("a", 1, "x"), put("b", 1, "y")])
    (one,) = merged.conflicts()
    assert (one.ident, one.resolved_by, one.standing.value) == ("draft/d#text@", "", "y")
    merged.add([said(one.resolution("both"), "a", 2, 5, "b/1")])
    (settled,) = merged.conflicts()
    assert (settled.resolved_by, settled.standing.value) == ("a/2", "both")
    merged.add([put("c", 1, "z", wall=2)])
    (again,) = merged.conflicts()
    assert (again.resolved_by, again.standing.value) == ("", "both")
    assert [op.value for op in again.members] == ["x", "y", "z"]


def test_two_who_settle_at_once_have_a_conflict_of_their_own() -> None:
    """Two people's words are both there to be read."""
    ops = [put("a", 1, "x"), put("b", 1, "y")]
    (one,) = MergedOperations.of(ops).conflicts()
    ops += [said(one.resolution("x"), "a", 2, 5, "b/1"), said(one.resolution("y"), "b", 2, 6, "b/1")]
    first, second = MergedOperations.of(ops).conflicts()
    assert (first.resolved_by, second.resolved_by) == ("a/2", "")
    assert second.ident == "draft/d#text@b/1"


def test_the_vectors_hold() -> None:
    """What the web client is held to, too: the text of each operation, and what all of them come to."""
    for vector in json.loads(VECTORS.read_text(encoding="utf-8")):
        ops = read_operations(vector["texts"])
        assert [encode(op) for op in ops] == vector["texts"]
        assert MergedOperations.of(ops).json() == vector["merged"]
