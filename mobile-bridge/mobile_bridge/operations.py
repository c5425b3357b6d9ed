"""What are operations: the things that devices say, as every device and node keeps them and passes them on?

An operation is known by its device and its number there; the same one may come any number of times. Its text is the
same to the byte wherever it is written: keys in order, no spaces, numbers whole. A device's numbers run from 1 without
a gap and its stamps rise with them, so what a node holds of a device is always a beginning of what that device said.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from missions.declared.value_rules import Limits
from mobile_bridge.errors import OperationRefused
from sync.hybrid_clock import MAX_DRIFT_MS, Stamp

if TYPE_CHECKING:  # a node to which no device says anything needs no pydantic
    from pydantic import TypeAdapter, ValidationError

MAX_OPERATION_BYTES = 1024 * 1024
"""Bytes of one operation's text."""
MAX_OPERATIONS = 1000
"""Operations of one push, and of one page of a pull."""
PUSH_FRAME_BYTES = 64 * 1024
"""Bytes of a push's body that are kept for what stands around its operations: its own frame, a seal, their heads."""
MAX_DEPTH = 8
"""Lists and objects inside one another in a value."""
MAX_ITEMS = 10_000
"""Texts, numbers, lists and objects of one value."""
MAX_RESOLVED = 256
"""Operations that one resolution settles."""
SAFE_INTEGER = 2**53 - 1
"""The highest number that JavaScript counts to."""

DEVICE_PATTERN = r"^@?[A-Za-z0-9._:-]{1,64}(~[0-9a-z]{1,16})?$"
"""`NAME~STORE`: a device, and the store on it that numbers the operations; a node's name begins with @."""
HLC_PATTERN = r"^[0-9]{15}-[0-9]{5}-@?[A-Za-z0-9._:~-]{1,82}$"
ENTITY_PATTERN = r"^[a-z]{1,20}/[A-Za-z0-9._:~-]{1,78}$"
FIELD_PATTERN = r"^[a-z][a-z_]{0,39}$"
KEY_PATTERN = r"^@?[A-Za-z0-9._:-]{1,64}(~[0-9a-z]{1,16})?/[1-9][0-9]{0,15}$"
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
"""A key of an object in a value: none that two languages would order differently."""
NODE_MARK = "@"
"""What the names of nodes begin with among the devices."""

_Key = Annotated[str, Limits(pattern=KEY_PATTERN)]
_AS_SAID: Mapping[str, Any] = {"extra": "forbid", "strict": True}
"""Pydantic's configuration."""
_write = json.JSONEncoder(ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")).encode


@dataclass(frozen=True, kw_only=True, slots=True)
class Operation:
    """One operation. `base` is the key of the one whose value its author saw, `resolves` those that it settles."""

    __pydantic_config__: ClassVar[Mapping[str, Any]] = _AS_SAID

    device: Annotated[str, Limits(pattern=DEVICE_PATTERN)]
    seq: Annotated[int, Limits(ge=1, le=SAFE_INTEGER)]
    hlc: Annotated[str, Limits(pattern=HLC_PATTERN)]
    kind: Literal["append", "set"]
    entity: Annotated[str, Limits(pattern=ENTITY_PATTERN)]
    field: Annotated[str, Limits(pattern=FIELD_PATTERN)]
    value: Any
    base: Annotated[str, Limits(pattern=f"^$|{KEY_PATTERN}")] = ""
    resolves: Annotated[tuple[_Key, ...], Limits(max_length=MAX_RESOLVED)] = ()

    @property
    def key(self) -> str:
        """What it is known by."""
        return f"{self.device}/{self.seq}"

    @property
    def stamp(self) -> Stamp:
        """When it was said, by its device's hybrid clock."""
        return parse_stamp(self.hlc)


@dataclass(frozen=True, kw_only=True, slots=True)
class Draft:
    """What shall be said, before it has a number and a stamp."""

    kind: Literal["append", "set"]
    entity: str
    field: str
    value: Any
    resolves: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class OperationBatch:
    """What one push brings. `node` is the node that passes on what others said; empty for a device's own."""

    __pydantic_config__: ClassVar[Mapping[str, Any]] = _AS_SAID

    ops: Annotated[list[Operation], Limits(max_length=MAX_OPERATIONS)]
    node: Annotated[str, Limits(pattern=r"^[A-Za-z0-9._-]{0,64}$")] = ""


def parse_stamp(hlc: str) -> Stamp:
    """The stamp of a text that is known to be one."""
    wall, counter, node = hlc.split("-", 2)
    return Stamp(int(wall), int(counter), node)


def push_bytes(body_bytes: int) -> int:
    """How many bytes of operations, each with its comma, fit into a body of so many; a seal adds less than a 128th."""
    return max(body_bytes - body_bytes // 128 - PUSH_FRAME_BYTES, body_bytes // 2)


def owner_of(device: str) -> str:
    """The device without its store: whose token may write it."""
    return device.partition("~")[0]


def encode(op: Operation) -> str:
    """The one text of an operation; what is put between quotes as it is has only characters that need no escape."""
    resolves = ",".join(f'"{key}"' for key in op.resolves)
    return (
        f'{{"base":"{op.base}","device":"{op.device}","entity":"{op.entity}","field":"{op.field}","hlc":"{op.hlc}",'
        f'"kind":"{op.kind}","resolves":[{resolves}],"seq":{op.seq},"value":{encode_value(op.value)}}}'
    )


def encode_value(value: Any) -> str:
    """The one text of a value."""
    return _write(value)


def read_batch(data: bytes) -> OperationBatch:
    """The operations of a push, each checked by itself. Raises OperationRefused."""
    from pydantic import ValidationError

    try:
        found: OperationBatch = _adapter(OperationBatch).validate_json(data)
    except ValidationError as error:
        raise _malformed(error) from error
    return found


def read_operations(texts: Iterable[str]) -> list[Operation]:
    """Operations of a page that a node gave. Raises OperationRefused."""
    from pydantic import ValidationError

    try:
        found: list[Operation] = _adapter(list[Operation]).validate_json("[" + ",".join(texts) + "]")
    except ValidationError as error:
        raise _malformed(error) from error
    return found


def checked_texts(ops: Sequence[Operation]) -> list[str]:
    """The text of each operation of a push, if all can be taken together. Raises OperationRefused.

    Each value is bounded, each stamp is of its own device, and within a device numbers and stamps rise without a gap.
    """
    last: dict[str, Operation] = {}
    texts = []
    for place, op in enumerate(ops):
        if type(op.value) is not str:
            check_value(op.value, f"ops.{place}.value")
        if op.hlc[22:] != op.device:
            raise OperationRefused("malformed", "its stamp is another device's", where=f"ops.{place}.hlc")
        if op.kind == "append" and (op.base or op.resolves):
            raise OperationRefused("malformed", "what is appended has no base", where=f"ops.{place}.base")
        before = last.get(op.device)
        if before is not None:
            if op.seq != before.seq + 1:
                raise OperationRefused("malformed", "a device's numbers go up by one", where=f"ops.{place}.seq")
            require_later(op, before.hlc, f"ops.{place}.hlc")
        last[op.device] = op
        text = encode(op)
        if len(text) > MAX_OPERATION_BYTES // 4 and len(text.encode()) > MAX_OPERATION_BYTES:
            raise OperationRefused("malformed", f"at most {MAX_OPERATION_BYTES} bytes", where=f"ops.{place}")
        texts.append(text)
    return texts


def require_later(op: Operation, before: str, where: str) -> None:
    """Raises OperationRefused unless the operation's stamp is later than the one of the number before."""
    if op.hlc <= before:
        raise OperationRefused("order", "a device's stamps rise with its numbers", where=where)


def require_not_ahead(op: Operation, now: int) -> None:
    """Raises OperationRefused for a stamp that is more than five minutes ahead of `now`, in milliseconds."""
    if int(op.hlc[:15]) > now + MAX_DRIFT_MS:
        seconds = (int(op.hlc[:15]) - now) // 1000
        why = f"its clock is {seconds} s ahead of this node's: correct it by the time that this answer tells"
        raise OperationRefused("ahead", why, where=op.key)


def check_value(value: Any, where: str) -> None:
    """Raises OperationRefused for what two languages would not write alike, or what is too much."""
    level, count = [value], 0
    for _ in range(MAX_DEPTH):
        inner: list[Any] = []
        for each in level:
            parts = _parts(each, where)
            inner += [part for part in parts if type(part) is not str]
            count += len(parts)
        if count > MAX_ITEMS:
            raise OperationRefused("malformed", f"a value has at most {MAX_ITEMS} parts", where=where)
        if not inner:
            return
        level = inner
    raise OperationRefused("malformed", "it is nested too deeply", where=where)


def _parts(value: Any, where: str) -> Collection[Any]:
    """What is in a list or an object. Raises OperationRefused for what may not stand in a value."""
    if type(value) is dict:
        for name in value:
            if NAME.fullmatch(name) is None:
                why = "keys are letters, digits and _, at most 64 of them"
                raise OperationRefused("malformed", why, where=where)
        return value.values()
    if type(value) is list:
        return value
    if type(value) is int:
        if not -SAFE_INTEGER <= value <= SAFE_INTEGER:
            raise OperationRefused("malformed", "a number is too large", where=where)
    elif type(value) is not str and type(value) is not bool and value is not None:
        raise OperationRefused("malformed", "numbers are whole: write others as text", where=where)
    return ()


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


def _malformed(error: ValidationError) -> OperationRefused:
    """The first thing that is wrong, in words that hold nothing of what was sent."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    known = first["loc"][:-1] if first["type"] in ("unexpected_keyword_argument", "extra_forbidden") else first["loc"]
    says = "this is no JSON" if first["type"] == "json_invalid" else first["msg"]
    return OperationRefused("malformed", says, where=".".join(map(str, known)))
