"""Pairings and the devices that came of them, as rows: who is let in by a key of its own?"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Mapped, mapped_column

from orchestrator.adapters.database.column_types import NameColumn, TextColumn, UtcColumn
from orchestrator.adapters.database.engine import Database, Table
from orchestrator.core.ports.paired_devices import PairedDevice, Pairing, PairingState

KEPT = timedelta(days=1)
"""How long a pairing is kept after it is over."""


class PairedDeviceRow(Table):
    """A device that a person has confirmed."""

    __tablename__ = "paired_devices"

    id: Mapped[str] = mapped_column(NameColumn(), primary_key=True)
    name: Mapped[str] = mapped_column(NameColumn())
    public_key: Mapped[str] = mapped_column(NameColumn(), unique=True)
    scopes: Mapped[str] = mapped_column(TextColumn())
    created: Mapped[datetime] = mapped_column(UtcColumn())
    seen: Mapped[datetime | None] = mapped_column(UtcColumn())
    revoked: Mapped[datetime | None] = mapped_column(UtcColumn())


class PairingRow(Table):
    """One use of `shiftbook device pair`."""

    __tablename__ = "pairings"

    id: Mapped[str] = mapped_column(NameColumn(), primary_key=True)
    fleet: Mapped[str] = mapped_column(NameColumn())
    key: Mapped[str] = mapped_column(NameColumn())
    scopes: Mapped[str] = mapped_column(TextColumn())
    created: Mapped[datetime] = mapped_column(UtcColumn())
    expires: Mapped[datetime] = mapped_column(UtcColumn())
    state: Mapped[str] = mapped_column(NameColumn())
    name: Mapped[str] = mapped_column(NameColumn())
    claimed_name: Mapped[str] = mapped_column(NameColumn())
    public_key: Mapped[str] = mapped_column(NameColumn())
    commitment: Mapped[str] = mapped_column(NameColumn())
    node_nonce: Mapped[str] = mapped_column(NameColumn())
    code: Mapped[str] = mapped_column(NameColumn())
    tries: Mapped[int]
    rivals: Mapped[int]
    why: Mapped[str] = mapped_column(TextColumn())


@dataclass(frozen=True, kw_only=True)
class SqlPairedDevices:
    """stores.PairedDevices in a database."""

    database: Database
    now: Callable[[], datetime]

    def find(self, device_id: str) -> PairedDevice | None:
        """A device that counts now."""
        mine = select(PairedDeviceRow).where(PairedDeviceRow.id == device_id, PairedDeviceRow.revoked.is_(None))
        with self.database.reading() as session:
            row = session.scalar(mine)
            return None if row is None else _device(row)

    def listing(self) -> tuple[PairedDevice, ...]:
        """Every device ever."""
        every = select(PairedDeviceRow).order_by(PairedDeviceRow.name, PairedDeviceRow.id)
        with self.database.reading() as session:
            return tuple(_device(row) for row in session.scalars(every))

    def change(
        self, device_id: str, *, name: str | None = None, scopes: Iterable[str] | None = None
    ) -> PairedDevice | None:
        """Renames a device, or changes what it may do."""
        given: dict[str, Any] = {} if name is None else {"name": name}
        given |= {} if scopes is None else {"scopes": _join(scopes)}
        if given:
            mine = update(PairedDeviceRow).where(PairedDeviceRow.id == device_id, PairedDeviceRow.revoked.is_(None))
            with self.database.writing() as session:
                session.execute(mine.values(**given))
        return self.find(device_id)

    def revoke(self, device_id: str) -> bool:
        """Shuts a device out."""
        mine = update(PairedDeviceRow).where(PairedDeviceRow.id == device_id, PairedDeviceRow.revoked.is_(None))
        with self.database.writing() as session:
            return session.scalar(mine.values(revoked=self.now()).returning(PairedDeviceRow.id)) is not None

    def touch(self, device_id: str, when: datetime) -> None:
        """Notes when a device was here; an earlier moment changes nothing."""
        later = or_(PairedDeviceRow.seen.is_(None), PairedDeviceRow.seen < when)
        with self.database.writing() as session:
            session.execute(update(PairedDeviceRow).where(PairedDeviceRow.id == device_id, later).values(seen=when))


@dataclass(frozen=True, kw_only=True)
class SqlPairings:
    """stores.Pairings in a database."""

    database: Database
    now: Callable[[], datetime]

    def add(self, pairing: Pairing) -> None:
        """Stores one, and lets go of what is long over."""
        values = {each.name: getattr(pairing, each.name) for each in fields(pairing)}
        row = PairingRow(**values | {"scopes": _join(pairing.scopes), "state": pairing.state.value})
        with self.database.writing() as session:
            session.execute(delete(PairingRow).where(PairingRow.expires < self.now() - KEPT))
            session.add(row)

    def find(self, pairing_id: str) -> Pairing | None:
        """The pairing as it stands."""
        with self.database.reading() as session:
            row = session.get(PairingRow, pairing_id)
            return None if row is None else _pairing(row)

    def advance(self, pairing_id: str, expected: PairingState, **changes: object) -> Pairing | None:
        """Moves it from one state."""
        mine = update(PairingRow).where(PairingRow.id == pairing_id, PairingRow.state == expected.value)
        with self.database.writing() as session:
            moved = session.scalar(mine.values(**changes).returning(PairingRow.id))
        return None if moved is None else self.find(pairing_id)

    def count(self, pairing_id: str, field: str) -> int:
        """Adds one."""
        column = {"tries": PairingRow.tries, "rivals": PairingRow.rivals}[field]
        more = update(PairingRow).where(PairingRow.id == pairing_id).values({field: column + 1}).returning(column)
        with self.database.writing() as session:
            return session.scalar(more) or 0

    def confirm(self, pairing_id: str, device: PairedDevice) -> bool:
        """Ends a pairing and lets its device in, in one transaction."""
        over = (
            update(PairingRow)
            .where(PairingRow.id == pairing_id, PairingRow.state == PairingState.WAITING.value)
            .values(state=PairingState.CONFIRMED.value, key="")
            .returning(PairingRow.id)
        )
        values = {each.name: getattr(device, each.name) for each in fields(device)} | {"scopes": _join(device.scopes)}
        with self.database.writing() as session:
            self.database.hold(session, f"paired device {device.id}")
            there = session.get(PairedDeviceRow, device.id)
            if (there is not None and there.revoked is not None) or session.scalar(over) is None:
                return False
            session.merge(PairedDeviceRow(**values))
        return True


def _join(scopes: Iterable[str]) -> str:
    return " ".join(sorted(set(scopes)))


def _device(row: PairedDeviceRow) -> PairedDevice:
    values = {each.name: getattr(row, each.name) for each in fields(PairedDevice)}
    return PairedDevice(**values | {"scopes": frozenset(row.scopes.split())})


def _pairing(row: PairingRow) -> Pairing:
    values = {each.name: getattr(row, each.name) for each in fields(Pairing)}
    return Pairing(**values | {"scopes": frozenset(row.scopes.split()), "state": PairingState(row.state)})
