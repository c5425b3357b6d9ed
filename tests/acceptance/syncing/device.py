"""A device as it should behave: what it says while it is offline, and how it syncs with a node, whatever goes wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from flask.testing import FlaskClient
from mobile_bridge.merge import MergedOperations
from mobile_bridge.operations import Operation, encode, read_operations

from sync.hybrid_clock import HybridClock

PAGE = 3
"""Small, so that a few operations are several pages."""


class LostAnswer(Exception):
    """The node did it, and the device does not know."""


@dataclass
class Entry:
    """One operation of the device's own, and whether it was ever sent."""

    op: Operation
    sent: bool = False


@dataclass
class Device:
    """One store of a device; several tabs are one of these. `skew` is how wrong its clock is, in milliseconds."""

    name: str
    skew: int
    clock: Callable[[], int]
    offset: int = 0
    log: list[Entry] = field(default_factory=list)
    known: MergedOperations = field(default_factory=MergedOperations)
    pulled: dict[str, Operation] = field(default_factory=dict)
    cursors: dict[str, str] = field(default_factory=dict)

    def own_time(self) -> int:
        """What its clock says."""
        return self.clock() + self.skew

    def say(self, kind: str, entity: str, name: str, value: Any, resolves: tuple[str, ...] = ()) -> Operation:
        """Says something now, with or without a network."""
        stands = self.known.register(entity, name) if kind == "set" else None
        self.log.append(Entry(self._stamped(len(self.log) + 1, kind, entity, name, value, stands, resolves)))
        self.known.add([self.log[-1].op])
        return self.log[-1].op

    def _stamped(
        self,
        seq: int,
        kind: Any,
        entity: str,
        name: str,
        value: Any,
        stands: Operation | None,
        resolves: tuple[str, ...],
    ) -> Operation:
        hlc = self._hybrid(all_own=True).tick(self.own_time() + self.offset).last.text
        base = stands.key if stands else ""
        words = {"kind": kind, "entity": entity, "field": name, "value": value, "base": base, "resolves": resolves}
        return Operation(device=self.name, seq=seq, hlc=hlc, **words)

    def _hybrid(self, *, all_own: bool) -> HybridClock:
        """A clock that is later than all that came in, and than what it said itself and sent."""
        own = [each.op for each in self.log if all_own or each.sent]
        stamps = [op.stamp for op in [*own, *self.pulled.values()]]
        clock = HybridClock.of(self.name)
        return HybridClock(node=self.name, last=max(stamps)) if stamps else clock

    def sync(self, node: str, client: FlaskClient, *, lose: bool = False) -> None:
        """The whole way, as docs/devices.md has it. Raises LostAnswer."""
        told = client.get("/sync/handshake", query_string={"device": self.name}).get_json()
        self.offset = told["time"] - self.own_time()
        self._restamp()
        at = told["held"][self.name]
        while at < len(self.log):
            at = self._push(client, at, lose=lose)
        self._pull(node, client)

    def _restamp(self) -> None:
        """What was never sent is stamped by the corrected clock, in order; what was sent keeps its stamp."""
        clock = self._hybrid(all_own=False)
        for entry in self.log:
            if not entry.sent:
                clock = clock.tick(self.own_time() + self.offset)
                entry.op = replace(entry.op, hlc=clock.last.text)
        self.known = MergedOperations.of([*self.pulled.values(), *(entry.op for entry in self.log)])

    def _push(self, client: FlaskClient, at: int, *, lose: bool) -> int:
        page = self.log[at : at + PAGE]
        first = [entry for entry in page if not entry.sent]
        for entry in page:
            entry.sent = True
        answer = push(client, [entry.op for entry in page])
        if lose:
            raise LostAnswer
        told = answer.get_json()
        if answer.status_code == 409 and told["sync"]["kind"] == "ahead":
            for entry in first:
                entry.sent = False
            raise LostAnswer
        assert answer.status_code == 200, told
        return max(at + len(page), told["held"][self.name])

    def _pull(self, node: str, client: FlaskClient) -> None:
        more = True
        while more:
            query = {"after": self.cursors.get(node, ""), "limit": PAGE}
            page = client.get("/sync/pull", query_string=query).get_json()
            found = read_operations(map(json.dumps, page["ops"]))
            self.known.add(found)
            self.pulled |= {op.key: op for op in found}
            self.cursors[node], more = page["cursor"], page["more"]

    def replay(self, client: FlaskClient, at: int) -> None:
        """Another tab, or a proxy, sends again what was sent before; nothing may come of it."""
        page = [entry.op for entry in self.log[at : at + PAGE] if entry.sent]
        if page:
            push(client, page)

    def everything(self) -> set[str]:
        """The texts of all that it knows."""
        return {encode(op) for op in [*self.pulled.values(), *(entry.op for entry in self.log)]}


def push(client: FlaskClient, ops: list[Operation]) -> Any:
    """A push of these."""
    body = '{"ops":[' + ",".join(map(encode, ops)) + "]}"
    return client.post("/sync/push", data=body.encode(), content_type="application/json")
