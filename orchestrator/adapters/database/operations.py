"""How do devices' operations come into a database: each once, in the order in which they arrived, at full speed?

They are written as texts, past SQLAlchemy's mapping, which would take longer than all the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mobile_bridge.device_quota import DeviceQuota
from mobile_bridge.errors import OperationRefused
from mobile_bridge.merge import MergedOperations
from mobile_bridge.operations import (
    Draft,
    Operation,
    checked_texts,
    parse_stamp,
    read_operations,
    require_later,
    require_not_ahead,
)
from sqlalchemy import Index, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from orchestrator.adapters.database.column_types import BIG_INTEGER, NameColumn, TextColumn
from orchestrator.adapters.database.device_use import byte_size, charge_devices
from orchestrator.adapters.database.engine import Database, Table
from orchestrator.adapters.database.outbox_and_marks import FactRow
from orchestrator.adapters.database.plain.operation_reader import GENERATION_FACT, own_name
from orchestrator.adapters.database.plain.outgoing import CURSOR_PREFIX
from orchestrator.core.ports.sync_ops import SyncPushResult
from sync.hybrid_clock import HybridClock

CLOCK_FACT = "sync clock"
"""The latest stamp that this database has seen: what the node says next is later."""


class OperationRow(Table):
    """One operation; `arrival` is the order in which operations were committed, never used twice."""

    __tablename__ = "operations"
    __table_args__ = (Index("ix_operations_device", "device", "seq", unique=True), {"sqlite_autoincrement": True})

    arrival: Mapped[int] = mapped_column(BIG_INTEGER, primary_key=True)
    device: Mapped[str] = mapped_column(NameColumn())
    seq: Mapped[int] = mapped_column(BIG_INTEGER)
    entity: Mapped[str] = mapped_column(NameColumn(), index=True)
    register: Mapped[str | None] = mapped_column(NameColumn(250))
    """The field and the base of one that sets a register."""
    size: Mapped[int]
    op: Mapped[str] = mapped_column(TextColumn())


INSERT = "INSERT INTO operations (device, seq, entity, register, size, op) VALUES (?, ?, ?, ?, ?, ?)"
LAST = "SELECT seq, op FROM operations WHERE device = ? ORDER BY seq DESC LIMIT 1"
HELD = "SELECT seq, op FROM operations WHERE device = ? AND seq BETWEEN ? AND ?"
FIELD_OF_ENTITY = "SELECT op FROM operations WHERE entity = ? AND register LIKE ? ORDER BY arrival"


@dataclass(frozen=True, kw_only=True)
class SqlOperationWriter:
    """What `plain/operation_reader` reads, written."""

    database: Database
    node: str

    def push(
        self,
        ops: Sequence[Operation],
        *,
        now: int,
        quota: DeviceQuota | None = None,
        marks: Mapping[str, str] | None = None,
    ) -> SyncPushResult:
        """Takes the operations that are new. Raises OperationRefused."""
        texts = checked_texts(ops)
        by_device: dict[str, list[tuple[Operation, str]]] = {}
        for op, text in zip(ops, texts, strict=True):
            by_device.setdefault(op.device, []).append((op, text))
        with self.database.writing() as session:
            self.database.hold(session, "operations")  # so that no reader sees a later arrival before an earlier one
            new = [each for mine in by_device.values() for each in self._new(session, mine, now)]
            if len(by_device) > 1:  # as they came: what was said after something arrives after it
                wanted = {op.key for op, _ in new}
                new = [each for each in zip(ops, texts, strict=True) if each[0].key in wanted]
            if quota is not None and new:
                charge_devices(self.database, session, new, quota, now)
            self._insert(session, new)
            for name, value in (marks or {}).items():
                session.merge(FactRow(name=CURSOR_PREFIX + name, value=value))
        held = {device: mine[-1][0].seq for device, mine in by_device.items()}
        with self.database.reading() as session:
            known = {device: self._last(session, device)[0] for device in by_device}
        return SyncPushResult(
            accepted=len(new),
            duplicates=len(ops) - len(new),
            held={name: max(held[name], known[name]) for name in held},
        )

    def write(self, drafts: Iterable[Draft], *, now: int) -> tuple[Operation, ...]:
        """Says something as this node."""
        with self.database.writing() as session:
            return self.write_in(session, drafts, now=now)

    def write_in(self, session: Session, drafts: Iterable[Draft], *, now: int) -> tuple[Operation, ...]:
        """As `write`, in a transaction that changes something else, too: both are there or neither."""
        self.database.hold(session, "operations")
        epoch = session.scalar(select(FactRow.value).where(FactRow.name == GENERATION_FACT)) or ""
        device = own_name(self.node, epoch)
        seq, _ = self._last(session, device)
        clock = HybridClock.of(device)
        seen = session.scalar(select(FactRow.value).where(FactRow.name == CLOCK_FACT))
        if seen:
            clock = HybridClock(node=device, last=parse_stamp(seen))
        said = []
        for draft in drafts:
            seq, clock = seq + 1, clock.tick(now)
            base = self._base(session, draft) if draft.kind == "set" else ""
            op = Operation(
                device=device,
                seq=seq,
                hlc=clock.last.text,
                kind=draft.kind,
                entity=draft.entity,
                field=draft.field,
                value=draft.value,
                base=base,
                resolves=draft.resolves,
            )
            self._insert(session, list(zip([op], checked_texts([op]), strict=True)))
            said.append(op)
        return tuple(said)

    def _new(self, session: Session, mine: list[tuple[Operation, str]], now: int) -> list[tuple[Operation, str]]:
        """Those of one device that are not held. Raises OperationRefused."""
        first, device = mine[0][0], mine[0][0].device
        held, last = self._last(session, device)
        if first.seq > held + 1:
            raise OperationRefused("gap", "send all that follow the last one held here", where=device, held=held)
        known = min(held - first.seq + 1, len(mine))
        if known > 0:
            there = dict(self._rows(session, HELD, device, first.seq, mine[known - 1][0].seq))
            for op, text in mine[:known]:
                if there[op.seq] != text:
                    why = "another operation has this number: go on as another store of the device"
                    raise OperationRefused("forked", why, where=op.key, held=held)
        new = mine[max(known, 0) :]
        if new and last:
            require_later(new[0][0], last, new[0][0].key)
        for op, _ in new:
            require_not_ahead(op, now)
        return new

    def _last(self, session: Session, device: str) -> tuple[int, str]:
        """The number and the stamp of the last operation held of a device."""
        found = self._rows(session, LAST, device)
        if not found:
            return 0, ""
        (op,) = read_operations([found[0][1]])
        return op.seq, op.hlc

    def _base(self, session: Session, draft: Draft) -> str:
        rows = self._rows(session, FIELD_OF_ENTITY, draft.entity, f"{draft.field} %")
        found = MergedOperations.of(read_operations(row[0] for row in rows)).register(draft.entity, draft.field)
        return found.key if found else ""

    def _insert(self, session: Session, new: Sequence[tuple[Operation, str]]) -> None:
        if not new:
            return
        rows = [
            (op.device, op.seq, op.entity, f"{op.field} {op.base}" if op.kind == "set" else None, byte_size(text), text)
            for op, text in new
        ]
        session.connection().exec_driver_sql(self._sql(INSERT), rows)
        latest = max(op.hlc for op, _ in new)
        before = session.get(FactRow, CLOCK_FACT)
        if before is None:
            session.add(FactRow(name=CLOCK_FACT, value=latest))
        elif before.value < latest:
            before.value = latest
        session.flush()

    def _rows(self, session: Session, sql: str, *values: Any) -> Sequence[Any]:
        return session.connection().exec_driver_sql(self._sql(sql), values).fetchall()

    def _sql(self, text: str) -> str:
        return text if self.database.is_sqlite else text.replace("%", "%%").replace("?", "%s")
