"""What waits in the outbox, up to which mark was something read, and which facts hold of the database as a whole?"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from orchestrator.adapters.database.column_types import (
    BIG_INTEGER,
    JsonColumn,
    NameColumn,
    TextColumn,
    UtcColumn,
    clamp_integer,
)
from orchestrator.adapters.database.engine import Database, Table
from orchestrator.core.json_object import Json
from orchestrator.core.ports.outbox import OutboxItem

GENERATION_FACT = "generation"
CURSOR_PREFIX = "mark "
"""What the name of a mark begins with among the facts."""
SENT_KEPT = timedelta(days=365)
"""How long it is known that something went out: nothing is tried for as long, and nothing is told again meanwhile."""
MAX_NAMES = 500
"""That are named in one statement."""


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


@dataclass(frozen=True, kw_only=True)
class SqlOutgoing:
    """stores.Outgoing in a database."""

    database: Database

    def put(self, parcel: OutboxItem, when: datetime) -> bool:
        """Adds a parcel once."""
        words = {"key": parcel.key, "kind": parcel.kind, "body": parcel.body, "due": when}
        with self.database.writing() as session:
            return self.database.insert_new(session, OutboxItemRow, **words, tries=0, error="")

    def take(self, now: datetime, *, hold_seconds: float, limit: int = 20, kind: str = "") -> tuple[OutboxItem, ...]:
        """Parcels that are due, for nobody else meanwhile."""
        wanted = (OutboxItemRow.kind == kind,) if kind else ()
        due = (
            select(OutboxItemRow)
            .where(OutboxItemRow.sent.is_(None), OutboxItemRow.due <= now, *wanted)
            .order_by(OutboxItemRow.due, OutboxItemRow.id)
            .limit(clamp_integer(limit))
            .with_for_update(skip_locked=True)
        )
        with self.database.writing() as session:
            rows = [*session.scalars(due)]
            for row in rows:
                row.due = now + timedelta(seconds=hold_seconds)
                row.tries += 1
        return tuple(_outbox_item(row) for row in rows)

    def sent(self, key: str, when: datetime) -> None:
        """It went out; what did so long ago is forgotten."""
        self._note(key, sent=when, error="")
        with self.database.writing() as session:
            session.execute(delete(OutboxItemRow).where(OutboxItemRow.sent < when - SENT_KEPT))

    def failed(self, key: str, error: str, again: datetime | None) -> None:
        """It did not."""
        self._note(key, due=again, error=error)

    def amend(self, key: str, body: Json) -> None:
        """Replaces what is in it."""
        self._note(key, body=body)

    def listing(self, *, limit: int = 100, sent: bool = False) -> tuple[OutboxItem, ...]:
        """What was not sent yet, or what was."""
        wanted = select(OutboxItemRow).where(OutboxItemRow.sent.is_not(None) if sent else OutboxItemRow.sent.is_(None))
        order = (OutboxItemRow.sent.desc(), OutboxItemRow.id.desc()) if sent else (OutboxItemRow.id,)
        with self.database.reading() as session:
            return tuple(
                _outbox_item(row) for row in session.scalars(wanted.order_by(*order).limit(clamp_integer(limit)))
            )

    def _note(self, key: str, **values: object) -> None:
        with self.database.writing() as session:
            unsent = (OutboxItemRow.key == key, OutboxItemRow.sent.is_(None))
            session.execute(update(OutboxItemRow).where(*unsent).values(**values))


@dataclass(frozen=True, kw_only=True)
class SqlCursors:
    """stores.Marks in a database."""

    database: Database

    def get(self, name: str) -> str:
        """The mark."""
        with self.database.reading() as session:
            return session.scalar(select(FactRow.value).where(FactRow.name == CURSOR_PREFIX + name)) or ""

    def put(self, name: str, value: str) -> None:
        """Sets it."""
        with self.database.writing() as session:
            self.database.hold(session, CURSOR_PREFIX + name)
            session.merge(FactRow(name=CURSOR_PREFIX + name, value=value))

    def starting(self, prefix: str) -> dict[str, str]:
        """The marks of one kind."""
        begins = CURSOR_PREFIX + prefix
        wanted = select(FactRow.name, FactRow.value).where(FactRow.name.startswith(begins, autoescape=True))
        with self.database.reading() as session:
            rows = session.execute(wanted).all()
        # SQLite takes large letters for small ones there
        return {name.removeprefix(CURSOR_PREFIX): value for name, value in rows if name.startswith(begins)}

    def drop(self, names: Iterable[str]) -> None:
        """Forgets them."""
        every = [CURSOR_PREFIX + name for name in names]
        with self.database.writing() as session:
            for at in range(0, len(every), MAX_NAMES):
                session.execute(delete(FactRow).where(FactRow.name.in_(every[at : at + MAX_NAMES])))


def _outbox_item(row: OutboxItemRow) -> OutboxItem:
    due = None if row.sent else row.due
    return OutboxItem(
        key=row.key, kind=row.kind, body=row.body, tries=row.tries, error=row.error, due=due, sent=row.sent
    )
