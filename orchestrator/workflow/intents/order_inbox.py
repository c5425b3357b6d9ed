"""Which orders were brought here and have no outcome yet, and by whom? A note for each, made with its very push.

The device that brought an order never sends it again, so a restart between the push and its outcome must not lose it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from hashlib import sha256

from mobile_bridge.operations import Operation

from missions.plain_data import read_json
from orchestrator.core.ports.stores import Cursors

PREFIX = "order-"
"""What the marks of orders that wait begin with."""


@dataclass(frozen=True, kw_only=True)
class OrderBringer:
    """Who brought an order, as far as it must be known after a restart. `scopes` are those that they had then."""

    name: str
    kind: str
    scopes: frozenset[str]
    digest: str = ""
    """Of the token behind it."""
    device: str = ""

    @property
    def key(self) -> str:
        """Tells them from others of that name, as for a request of theirs."""
        return self.digest or self.kind


@dataclass(frozen=True, kw_only=True)
class WaitingOrder:
    """An order that waits: the operation that gives it, by entity and key, and who brought it."""

    entity: str
    key: str
    bringer: OrderBringer


@dataclass(frozen=True, kw_only=True)
class OrderInbox:
    """The orders of one node that wait for their outcome."""

    marks: Cursors

    def notes(self, orders: Iterable[Operation], bringer: OrderBringer) -> Mapping[str, str]:
        """The marks that the push which brings these orders sets, all or none with its operations."""
        by = vars(bringer) | {"scopes": sorted(bringer.scopes)}
        return {_mark(op.key): json.dumps({"entity": op.entity, "key": op.key, "by": by}) for op in orders}

    def waiting(self) -> Iterator[WaitingOrder]:
        """Those without an outcome, as far as is known. Of a newer program's note what is known here is read."""
        known = {each.name for each in fields(OrderBringer)}
        for text in self.marks.starting(PREFIX).values():
            told = read_json(text)
            by = {name: value for name, value in told["by"].items() if name in known}
            bringer = OrderBringer(**(by | {"scopes": frozenset(by["scopes"])}))
            yield WaitingOrder(entity=told["entity"], key=told["key"], bringer=bringer)

    def settled(self, key: str) -> None:
        """Its outcome is told: it waits no more."""
        self.marks.drop([_mark(key)])


def _mark(key: str) -> str:
    return PREFIX + sha256(key.encode()).hexdigest()[:40]
