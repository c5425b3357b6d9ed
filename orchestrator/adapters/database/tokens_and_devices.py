"""Where are tokens kept, and what did devices say of themselves? `plain/tokens` reads and writes the former."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Index, UniqueConstraint, delete, func, select, text
from sqlalchemy.orm import Mapped, mapped_column

from orchestrator.adapters.database.column_types import (
    BIG_INTEGER,
    JsonColumn,
    NameColumn,
    TextColumn,
    UtcColumn,
)
from orchestrator.adapters.database.engine import Database, Table
from orchestrator.adapters.database.plain.column_values import clamp_integer
from orchestrator.core.json_object import Json
from orchestrator.core.ports.devices import DeviceState

MAX_STATES_PER_DEVICE = 1000
"""How many states of each device are kept."""
IN_FORCE = text("revoked IS NULL")


class Token(Table):
    """A bearer token's digest. A name is taken for as long as the token is not revoked."""

    __tablename__ = "tokens"
    __table_args__ = (
        Index("tokens_name_in_force", "name", unique=True, sqlite_where=IN_FORCE, postgresql_where=IN_FORCE),
    )

    id: Mapped[int] = mapped_column(BIG_INTEGER, primary_key=True)
    name: Mapped[str] = mapped_column(NameColumn())
    digest: Mapped[str] = mapped_column(NameColumn(), unique=True)
    scopes: Mapped[str] = mapped_column(TextColumn())
    created: Mapped[datetime] = mapped_column(UtcColumn())
    expires: Mapped[datetime | None] = mapped_column(UtcColumn())
    used: Mapped[datetime | None] = mapped_column(UtcColumn())
    revoked: Mapped[datetime | None] = mapped_column(UtcColumn())
    device: Mapped[str | None] = mapped_column(NameColumn())


class DeviceStateRow(Table):
    """One report of a device."""

    __tablename__ = "device_state"
    __table_args__ = (UniqueConstraint("device", "seq"),)

    id: Mapped[int] = mapped_column(BIG_INTEGER, primary_key=True)
    device: Mapped[str] = mapped_column(NameColumn())
    seq: Mapped[int]
    state: Mapped[Json] = mapped_column(JsonColumn())
    when: Mapped[datetime] = mapped_column(UtcColumn())


@dataclass(frozen=True, kw_only=True)
class SqlDevices:
    """stores.Devices in a database."""

    database: Database

    def put_state(self, device_id: str, state: Json, when: datetime) -> DeviceState:
        """Adds a state, and lets go of the oldest."""
        mine = DeviceStateRow.device == device_id
        with self.database.writing() as session:
            self.database.hold(session, f"device {device_id}")
            last = session.scalar(select(func.max(DeviceStateRow.seq)).where(mine)) or 0
            row = DeviceStateRow(device=device_id, seq=last + 1, state=state, when=when)
            session.add(row)
            session.execute(delete(DeviceStateRow).where(mine, DeviceStateRow.seq <= row.seq - MAX_STATES_PER_DEVICE))
        return _state(row)

    def state(self, device_id: str) -> DeviceState | None:
        """The newest state."""
        return next(iter(self.history(device_id, 1)), None)

    def history(self, device_id: str, limit: int = 50, before: int | None = None) -> tuple[DeviceState, ...]:
        """States, newest first."""
        wanted = select(DeviceStateRow).where(DeviceStateRow.device == device_id)
        if before is not None:
            wanted = wanted.where(DeviceStateRow.seq < clamp_integer(before))
        with self.database.reading() as session:
            found = session.scalars(wanted.order_by(DeviceStateRow.seq.desc()).limit(clamp_integer(limit)))
            return tuple(_state(row) for row in found)


def _state(row: DeviceStateRow) -> DeviceState:
    return DeviceState(device=row.device, seq=row.seq, state=row.state, when=row.when)
