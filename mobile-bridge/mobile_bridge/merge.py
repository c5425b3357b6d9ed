"""What do operations come to when they are merged: registers, lists, and what two people set at once?

All of it is a function of the set of operations: the order in which they come, and how often, changes nothing. Rules:

1. a register (`set`) has the value of its latest operation, by hybrid stamp; of equal stamps the later text;
2. a list (`append`) only grows, and stands in the order of the stamps;
3. nothing is deleted: what shall not be shown has a register `hidden`;
4. two operations that set a register to different values from the same base are a conflict, whichever value stands;
5. a conflict is over when one operation of that register resolves all of its members; another member opens it again.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from mobile_bridge.operations import Draft, Operation, encode, encode_value

Place = tuple[str, str]
"""An entity and a field of it."""


@dataclass(frozen=True, kw_only=True)
class SyncConflict:
    """What several said at once of one register. `ident` names it; `members` are in the order of their stamps."""

    entity: str
    field: str
    base: str
    members: tuple[Operation, ...]
    standing: Operation
    """The operation whose value the register has now."""
    resolved_by: str = ""
    """The key of the operation that settles it; empty while it is open."""

    @property
    def ident(self) -> str:
        """Its name, the same everywhere."""
        return f"{self.entity}#{self.field}@{self.base}"

    def resolution(self, value: Any) -> Draft:
        """What settles it with this value, once it is said."""
        keys = tuple(sorted(member.key for member in self.members))
        return Draft(kind="set", entity=self.entity, field=self.field, value=value, resolves=keys)

    def json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "id": self.ident,
            "entity": self.entity,
            "field": self.field,
            "base": self.base,
            "open": not self.resolved_by,
            "resolved_by": self.resolved_by,
            "standing": self.standing.key,
            "members": [_said(each) | {"device": each.device} for each in self.members],
        }


@dataclass
class MergedOperations:
    """What a growing set of operations comes to; every view is what it would be if all had come at once."""

    _known: dict[str, list[str]] = field(default_factory=dict)
    """The texts that came under a key: one, unless a device's store was copied."""
    _standing: dict[Place, Operation] = field(default_factory=dict)
    _sets: dict[Place, list[Operation]] = field(default_factory=dict)
    _lists: dict[Place, list[tuple[str, str, Operation]]] = field(default_factory=dict)

    @classmethod
    def of(cls, ops: Iterable[Operation]) -> MergedOperations:
        """What these come to."""
        made = cls()
        made.add(ops)
        return made

    def add(self, ops: Iterable[Operation]) -> list[Operation]:
        """Takes operations in; returns those that were new."""
        return [op for op in ops if self._take(op)]

    def _take(self, op: Operation) -> bool:
        text, texts = encode(op), self._known.setdefault(op.key, [])
        if text in texts:
            return False
        texts.append(text)
        place = (op.entity, op.field)
        if op.kind == "append":
            items = self._lists.setdefault(place, [])
            entry = (op.hlc, text, op)
            if not items or items[-1][:2] < entry[:2]:
                items.append(entry)
            else:
                insort(items, entry, key=lambda each: each[:2])
            return True
        self._sets.setdefault(place, []).append(op)
        before = self._standing.get(place)
        if before is None or _order(op) > _order(before):
            self._standing[place] = op
        return True

    def register(self, entity: str, name: str) -> Operation | None:
        """The operation whose value a register has; None where nobody set it."""
        return self._standing.get((entity, name))

    def items(self, entity: str, name: str) -> tuple[Operation, ...]:
        """A list's items in order."""
        return tuple(op for _, _, op in self._lists.get((entity, name), ()))

    def conflicts(self) -> tuple[SyncConflict, ...]:
        """Every conflict, open or not, by its name."""
        found = (each for place, ops in self._sets.items() if len(ops) > 1 for each in self._of_register(place, ops))
        return tuple(sorted(found, key=lambda each: each.ident))

    def _of_register(self, place: Place, ops: list[Operation]) -> Iterator[SyncConflict]:
        by_base: dict[str, list[Operation]] = {}
        for op in ops:
            by_base.setdefault(op.base, []).append(op)
        for base, members in by_base.items():
            if len({encode_value(op.value) for op in members}) < 2:
                continue
            keys = {op.key for op in members}
            settled = min((op.key for op in ops if keys <= set(op.resolves)), default="")
            yield SyncConflict(
                entity=place[0],
                field=place[1],
                base=base,
                members=tuple(sorted(members, key=_order)),
                standing=self._standing[place],
                resolved_by=settled,
            )

    def json(self) -> dict[str, Any]:
        """All of it as plain data."""
        registers: dict[str, dict[str, Any]] = {}
        for (entity, name), op in self._standing.items():
            registers.setdefault(entity, {})[name] = _said(op)
        lists: dict[str, dict[str, Any]] = {}
        for entity, name in self._lists:
            lists.setdefault(entity, {})[name] = [_said(op) for op in self.items(entity, name)]
        return {"registers": registers, "lists": lists, "conflicts": [each.json() for each in self.conflicts()]}


def _order(op: Operation) -> tuple[str, str]:
    return op.hlc, encode(op)


def _said(op: Operation) -> dict[str, Any]:
    return {"op": op.key, "hlc": op.hlc, "value": op.value}
