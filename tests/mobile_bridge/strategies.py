"""What do the tests of operations draw from? Operations of a few devices on a few registers and lists."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from mobile_bridge.operations import SAFE_INTEGER, Operation

DEVICES = ("phone~a", "desk~b", "@vps~c0ffee")
REGISTERS = (("chat/one", "title"), ("setting/theme", "value"))
LISTS = (("chat/one", "turn"), ("intent/x", "intent"))

NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,5}", fullmatch=True)
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-SAFE_INTEGER, SAFE_INTEGER),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=3)),
    max_leaves=6,
)


@st.composite
def histories(draw: st.DrawFn) -> list[Operation]:
    """What some devices said, each as it could have: numbers from 1, stamps that rise, bases that it may have seen."""
    ops: list[Operation] = []
    last: dict[str, tuple[int, int]] = {}
    for _ in range(draw(st.integers(0, 14))):
        device = draw(st.sampled_from(DEVICES))
        seq, wall = last.get(device, (0, 0))
        seq, wall = seq + 1, wall + draw(st.integers(1, 3))
        last[device] = (seq, wall)
        ops.append(_operation(draw, ops, device, seq, wall))
    return ops


def _operation(draw: st.DrawFn, ops: list[Operation], device: str, seq: int, wall: int) -> Operation:
    hlc = f"{wall:015d}-{draw(st.integers(0, 1)):05d}-{device}"
    if draw(st.booleans()):
        entity, field = draw(st.sampled_from(LISTS))
        return Operation(device=device, seq=seq, hlc=hlc, kind="append", entity=entity, field=field, value=draw(VALUES))
    entity, field = draw(st.sampled_from(REGISTERS))
    there = [op.key for op in ops if op.kind == "set" and (op.entity, op.field) == (entity, field)]
    seen: list[str] = draw(st.lists(st.sampled_from(there), unique=True)) if there else []
    return Operation(
        device=device,
        seq=seq,
        hlc=hlc,
        kind="set",
        entity=entity,
        field=field,
        value=draw(st.sampled_from(["x", "y", {"z": [1]}])),
        base=draw(st.sampled_from(["", *there[-2:]])),
        resolves=tuple(seen) if draw(st.booleans()) else (),
    )


def plain(op: Operation) -> dict[str, Any]:
    """An operation as it stands in a body."""
    names = ("device", "seq", "hlc", "kind", "entity", "field", "value", "base")
    return {name: getattr(op, name) for name in names} | {"resolves": list(op.resolves)}
