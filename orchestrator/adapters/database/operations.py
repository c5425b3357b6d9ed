"""How are devices' operations kept in a database: each once, in the order in which they arrived, at full speed?

They are read and written as texts, past SQLAlchemy's mapping, which would take longer than all the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from mobile_bridge.device_quota import DeviceQuota
from mobile_bridge.errors import OperationRefused
from mobile_bridge.merge import MergedOperations
from mobile_bridge.operations import (
    NODE_MARK,
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
from orchestrator.adapters.database.device_use import charge_devices
from orchestrator.adapters.database.engine import Database, Table
from orchestrator.adapters.database.outbox_and_marks import GENERATION_FACT, FactRow
from orchestrator.adapters.database.plain.column_values import clamp_integer
from orchestrator.core.errors import WrongSetting
from orchestrator.core.ports.sync_ops import SyncPullResult, SyncPushResult, SyncStanding
from sync.hybrid_clock import HybridClock

CLOCK_FACT = "sync clock"
"""The latest stamp that this database has seen: what the node says next is later."""
PAGE_BYTES = 4 * 1024 * 1024
"""Bytes of texts after which a page ends."""
EPOCH_CHARACTERS = 12
"""Characters of the epoch that are part of the node's own name as a device: a restored node is another one."""


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
SIZES = "SELECT arrival, size FROM operations WHERE arrival > ? ORDER BY arrival LIMIT ?"
NEWEST = "SELECT max(arrival) FROM operations"
PAGE = "SELECT op FROM operations WHERE arrival > ? AND arrival <= ? ORDER BY arrival"
OF_ENTITY = "SELECT op FROM operations WHERE entity = ? ORDER BY arrival"
FIELD_OF_ENTITY = "SELECT op FROM operations WHERE entity = ? AND register LIKE ? ORDER BY arrival"
DISPUTED = (
    "SELECT o.op FROM operations o WHERE o.register IS NOT NULL AND o.entity IN (SELECT entity FROM operations"
    " WHERE register IS NOT NULL GROUP BY entity, register HAVING count(*) > 1) ORDER BY o.arrival"
)


@dataclass(frozen=True, kw_only=True)
class SqlSyncOps:
    """stores.SyncOps in a database."""

    database: Database
    node: str

    def push(self, ops: Sequence[Operation], *, now: int, quota: DeviceQuota | None = None) -> SyncPushResult:
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
        held = {device: mine[-1][0].seq for device, mine in by_device.items()}
        known = self.standing(by_device).held
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
        device = self._own_name(epoch)
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

    def pull(self, after: str = "", limit: int = 500) -> SyncPullResult:
        """What came after a cursor."""
        epoch, place = _parse_cursor(after)
        limit = max(1, clamp_integer(limit))
        with self.database.reading() as session:
            now = session.scalar(select(FactRow.value).where(FactRow.name == GENERATION_FACT)) or ""
            since = place if epoch == now and place <= self._newest(session) else 0
            sizes = self._rows(session, SIZES, since, limit + 1)
            last, room = since, PAGE_BYTES
            given = 0
            for arrival, size in sizes[:limit]:
                room -= size
                if room < 0 and given:
                    break
                last, given = arrival, given + 1
            texts = tuple(row[0] for row in self._rows(session, PAGE, since, last)) if given else ()
        return SyncPullResult(texts=texts, cursor=f"{now}.{last}", more=len(sizes) > given)

    def standing(self, devices: Iterable[str] = ()) -> SyncStanding:
        """This database's epoch, and how far it holds these devices."""
        with self.database.reading() as session:
            epoch = session.scalar(select(FactRow.value).where(FactRow.name == GENERATION_FACT)) or ""
            own = self._own_name(epoch)
            return SyncStanding(epoch=epoch, own=own, held={each: self._last(session, each)[0] for each in devices})

    def of(self, entity: str) -> tuple[Operation, ...]:
        """Every operation of one entity."""
        with self.database.reading() as session:
            return tuple(read_operations(row[0] for row in self._rows(session, OF_ENTITY, entity)))

    def disputed(self) -> tuple[Operation, ...]:
        """Every operation of the registers that two set from the same base."""
        with self.database.reading() as session:
            return tuple(read_operations(row[0] for row in self._rows(session, DISPUTED)))

    def _own_name(self, epoch: str) -> str:
        return f"{NODE_MARK}{self.node[:64]}~{epoch[:EPOCH_CHARACTERS]}"

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

    def _newest(self, session: Session) -> int:
        """The arrival of the newest operation; a cursor beyond it is of a database whose file was put back."""
        return int(self._rows(session, NEWEST)[0][0] or 0)

    def _base(self, session: Session, draft: Draft) -> str:
        rows = self._rows(session, FIELD_OF_ENTITY, draft.entity, f"{draft.field} %")
        found = MergedOperations.of(read_operations(row[0] for row in rows)).register(draft.entity, draft.field)
        return found.key if found else ""

    def _insert(self, session: Session, new: Sequence[tuple[Operation, str]]) -> None:
        if not new:
            return
        rows = [
            (op.device, op.seq, op.entity, f"{op.field} {op.base}" if op.kind == "set" else None, len(text), text)
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


def _parse_cursor(text: str) -> tuple[str, int]:
    if not text:
        return "", 0
    epoch, _, place = text.partition(".")
    if not (place.isascii() and place.isdecimal() and len(place) < 19):
        raise WrongSetting("after", "the cursor of an earlier pull, or nothing")
    return epoch, int(place)
