"""Where is kept what waits in the outbox, up to which mark something was read, and which facts hold of the database?

`plain/outgoing` reads and writes parcels and marks.
"""

from __future__ import annotations

import secrets
from datetime import datetime

from sqlalchemy.orm import Mapped, Session, mapped_column

from orchestrator.adapters.database.column_types import (
    BIG_INTEGER,
    JsonColumn,
    NameColumn,
    TextColumn,
    UtcColumn,
)
from orchestrator.adapters.database.engine import Table
from orchestrator.adapters.database.plain.operation_reader import GENERATION_FACT
from orchestrator.core.json_object import Json


class FactRow(Table):
    """A fact about the database as a whole."""

    __tablename__ = "store_facts"

    name: Mapped[str] = mapped_column(NameColumn(), primary_key=True)
    value: Mapped[str] = mapped_column(TextColumn())


class OutboxItemRow(Table):
    """One parcel. It is due at `due`, was given up when that is empty, and went out at `sent`."""

    __tablename__ = "outbox"

    id: Mapped[int] = mapped_column(BIG_INTEGER, primary_key=True)
    key: Mapped[str] = mapped_column(NameColumn(), unique=True)
    kind: Mapped[str] = mapped_column(NameColumn())
    body: Mapped[Json] = mapped_column(JsonColumn())
    due: Mapped[datetime | None] = mapped_column(UtcColumn(), index=True)
    sent: Mapped[datetime | None] = mapped_column(UtcColumn())
    tries: Mapped[int]
    error: Mapped[str] = mapped_column(TextColumn())


def renew(session: Session) -> None:
    """Gives the database a new generation: cursors from before it begin anew."""
    session.merge(FactRow(name=GENERATION_FACT, value=secrets.token_hex(8)))
