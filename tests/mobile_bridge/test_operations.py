"""Facts about what operations are, how they are written, and which are refused."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from mobile_bridge.errors import OperationRefused
from mobile_bridge.operations import (
    MAX_DEPTH,
    MAX_OPERATION_BYTES,
    MAX_OPERATIONS,
    SAFE_INTEGER,
    Operation,
    checked_texts,
    encode,
    owner_of,
    read_batch,
    read_operations,
    require_not_ahead,
)

from tests.mobile_bridge.strategies import VALUES, histories, plain

GOOD: dict[str, Any] = {
    "device": "phone~a",
    "seq": 1,
    "hlc": f"{1:015d}-00000-phone~a",
    "kind": "set",
    "entity": "chat/one",
    "field": "title",
    "value": "x",
}


def body(*ops: dict[str, Any], **more: Any) -> bytes:
    """A push."""
    return json.dumps({"ops": list(ops), **more}).encode()


def refusal(data: bytes) -> OperationRefused:
    """Why a push is refused."""
    with pytest.raises(OperationRefused) as caught:
        checked_texts(read_batch(data).ops)
    return caught.value


@given(histories())
def test_operations_come_back_from_their_texts(ops: list[Operation]) -> None:
    """Reading what was written gives the same, and writing that again the same bytes."""
    texts = [encode(op) for op in ops]
    read = read_operations(texts)
    assert read == ops
    assert [encode(op) for op in read] == texts
    assert [json.loads(text) for text in texts] == [plain(op) for op in ops]


@given(VALUES)
def test_a_text_has_its_keys_in_order_and_no_spaces(value: Any) -> None:
    """It is what json.dumps writes with sorted keys: another language can write it, too."""
    op = Operation(**{**GOOD, "value": value})
    told = plain(op)
    assert encode(op) == json.dumps(told, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"device": "a b"}, "ops.0.device"),
        ({"device": 'x"'}, "ops.0.device"),
        ({"device": ""}, "ops.0.device"),
        ({"device": "a~B"}, "ops.0.device"),
        ({"seq": 0}, "ops.0.seq"),
        ({"seq": "1"}, "ops.0.seq"),
        ({"seq": True}, "ops.0.seq"),
        ({"seq": SAFE_INTEGER + 1}, "ops.0.seq"),
        ({"hlc": "1-0-phone~a"}, "ops.0.hlc"),
        ({"hlc": f"{1:015d}-00000-desk"}, "ops.0.hlc"),
        ({"hlc": f"{1:015d}-00000-phone~a\n"}, "ops.0.hlc"),
        ({"kind": "delete"}, "ops.0.kind"),
        ({"entity": "chat"}, "ops.0.entity"),
        ({"entity": "chat/../x"}, "ops.0.entity"),
        ({"entity": "chat/" + "x" * 79}, "ops.0.entity"),
        ({"field": "Title"}, "ops.0.field"),
        ({"base": "phone~a"}, "ops.0.base"),
        ({"kind": "append", "base": "phone~a/1"}, "ops.0.base"),
        ({"kind": "append", "resolves": ["phone~a/1"]}, "ops.0.base"),
        ({"resolves": ["x y/1"]}, "ops.0.resolves.0"),
        ({"resolves": ["a/1"] * 257}, "ops.0.resolves"),
        ({"value": 1.5}, "ops.0.value"),
        ({"value": SAFE_INTEGER + 1}, "ops.0.value"),
        ({"value": {"a b": 1}}, "ops.0.value"),
        ({"value": {"\u00e4": 1}}, "ops.0.value"),
        ({"value": list(range(10_001))}, "ops.0.value"),
        ({"value": json.loads("[" * (MAX_DEPTH + 1) + "1" + "]" * (MAX_DEPTH + 1))}, "ops.0.value"),
        ({"value": "x" * MAX_OPERATION_BYTES}, "ops.0"),
        ({"value": "\U0001f600" * (MAX_OPERATION_BYTES // 4)}, "ops.0"),
        ({"colour": "red"}, "ops.0"),
    ],
)
def test_what_is_written_wrong_is_refused_where_it_is_wrong(change: dict[str, Any], where: str) -> None:
    """The place is told, and nothing of what was sent."""
    error = refusal(body({**GOOD, **change}))
    assert (error.kind, error.where) == ("malformed", where)
    assert "red" not in str(error)
    assert "colour" not in str(error)


@pytest.mark.parametrize("missing", ["device", "seq", "hlc", "kind", "entity", "field", "value"])
def test_what_is_left_out_is_refused(missing: str) -> None:
    """Only base and resolves may be left out."""
    error = refusal(body({name: value for name, value in GOOD.items() if name != missing}))
    assert error.where == f"ops.0.{missing}"


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"[]", b"null", b'{"ops": 1}', b'{"ops": []}x', b'{"ops": [], "x": 1}', b'{"ops": [' + b"[" * 5000],
)
def test_a_body_that_is_no_push_is_refused(data: bytes) -> None:
    """Whatever it is."""
    assert refusal(data).kind == "malformed"


def test_half_a_character_and_not_a_number_are_refused() -> None:
    """JSON that no other program could read again."""
    for odd in (r'"\ud800"', "NaN", "Infinity", "1e400"):
        assert refusal(body(GOOD).replace(b'"x"', odd.encode())).kind == "malformed"


def test_a_push_has_its_most_operations() -> None:
    """One more is refused."""
    many = [GOOD | {"seq": n, "hlc": f"{n:015d}-00000-phone~a"} for n in range(1, MAX_OPERATIONS + 2)]
    assert refusal(body(*many)).where == "ops"
    assert len(checked_texts(read_batch(body(*many[:-1])).ops)) == MAX_OPERATIONS


def test_a_devices_numbers_and_stamps_rise() -> None:
    """A number left out, one twice, and a stamp that does not rise; another device's come between."""
    first, other = GOOD, GOOD | {"device": "desk~b", "hlc": f"{1:015d}-00000-desk~b"}
    second = GOOD | {"seq": 2, "hlc": f"{2:015d}-00000-phone~a"}
    assert len(checked_texts(read_batch(body(first, other, second)).ops)) == 2 + 1
    assert refusal(body(first, second | {"seq": 3})).where == "ops.1.seq"
    assert refusal(body(first, first)).where == "ops.1.seq"
    assert refusal(body(first, second | {"hlc": first["hlc"]})).kind == "order"


def test_a_stamp_may_be_five_minutes_ahead_and_no_more() -> None:
    """Of the time of the node that takes it."""
    op = replace(Operation(**GOOD), hlc=f"{300_000:015d}-00000-phone~a")
    require_not_ahead(op, 0)
    with pytest.raises(OperationRefused) as caught:
        require_not_ahead(replace(op, hlc=f"{300_001:015d}-00000-phone~a"), 0)
    assert caught.value.kind == "ahead"


def test_a_store_belongs_to_its_device() -> None:
    """What stands before the mark is whose token may write it."""
    assert owner_of("phone~a1") == "phone"
    assert owner_of("phone") == "phone"
    assert owner_of("@vps~c0ffee") == "@vps"
