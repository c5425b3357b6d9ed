"""What do devices tell each other through this node, and what waits to be sent from here?"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from orchestrator.adapters.database.column_types import Document, Moment, Name, Words, within
from orchestrator.adapters.database.conversations import BIG
from orchestrator.adapters.database.engine import Database, Table
from orchestrator.core.errors import WrongSetting
from orchestrator.core.ports.storage import Json, Parcel, Pulled, Pushed, SyncOp

GENERATION = "generation"
MARK = "mark "
"""What the name of a mark begins with among the facts."""


class FactRow(Table):
    """A fact about the database as a whole."""

    __tablename__ = "store_facts"

    name: Mapped[str] = mapped_column(Name(), primary_key=True)
    value: Mapped[str] = mapped_column(Words())


class SyncOpRow(Table):
    """One operation; `seq` is the order in which operations were committed, never used twice."""

    __tablename__ = "sync_ops"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012  # SQLAlchemy's own form

    seq: Mapped[int] = mapped_column(BIG, primary_key=True)
    op_id: Mapped[str] = mapped_column(Name(), unique=True)
    device: Mapped[str] = mapped_column(Name())
    hlc: Mapped[str] = mapped_column(Name())
    kind: Mapped[str] = mapped_column(Name())
    body: Mapped[Json] = mapped_column(Document())


class ParcelRow(Table):
    """One parcel. It is due at `due`, was given up when that is empty, and went out at `sent`."""

    __tablename__ = "outbox"

    id: Mapped[int] = mapped_column(BIG, primary_key=True)
    key: Mapped[str] = mapped_column(Name(), unique=True)
    kind: Mapped[str] = mapped_column(Name())
    body: Mapped[Json] = mapped_column(Document())
    due: Mapped[datetime | None] = mapped_column(Moment(), index=True)
    sent: Mapped[datetime | None] = mapped_column(Moment())
    tries: Mapped[int]
    error: Mapped[str] = mapped_column(Words())


def renew(session: Session) -> None:
    """Gives the database a new generation: cursors from before it begin anew."""
    session.merge(FactRow(name=GENERATION, value=secrets.token_hex(8)))


@dataclass(frozen=True, kw_only=True)
class KeptSyncOps:
    """stores.SyncOps in a database."""

    database: Database

    def push(self, device_id: str, ops: Iterable[SyncOp]) -> Pushed:
        """Takes the operations that are new."""
        found: dict[str, list[str]] = {"accepted": [], "duplicates": [], "refused": []}
        with self.database.writing() as session:
            self.database.hold(session, "sync_ops")  # so that a reader never sees a later seq before an earlier one
            for op in ops:
                found[self._take(session, device_id, op)].append(op.op_id)
        return Pushed(**{name: tuple(ids) for name, ids in found.items()})

    def pull(self, after: str = "", limit: int = 500) -> Pulled:
        """What came after a cursor."""
        (generation, seq), limit = _cursor(after), within(limit)
        with self.database.reading() as session:
            now = session.scalar(select(FactRow.value).where(FactRow.name == GENERATION)) or ""
            since = seq if generation == now else 0
            wanted = select(SyncOpRow).where(SyncOpRow.seq > since).order_by(SyncOpRow.seq).limit(within(limit + 1))
            rows = [*session.scalars(wanted)]
        given = rows[:limit]
        last = given[-1].seq if given else since
        return Pulled(ops=tuple(_op(row) for row in given), cursor=f"{now}.{last}", more=len(rows) > len(given))

    def _take(self, session: Session, device_id: str, op: SyncOp) -> str:
        words = {"op_id": op.op_id, "device": device_id, "hlc": op.hlc, "kind": op.kind, "body": op.body}
        if self.database.insert_new(session, SyncOpRow, **words):
            return "accepted"
        row = session.scalars(select(SyncOpRow).where(SyncOpRow.op_id == op.op_id)).one()
        same = (row.device, row.hlc, row.kind, dict(row.body)) == (device_id, op.hlc, op.kind, dict(op.body))
        return "duplicates" if same else "refused"


@dataclass(frozen=True, kw_only=True)
class KeptOutgoing:
    """stores.Outgoing in a database."""

    database: Database

    def put(self, parcel: Parcel, when: datetime) -> bool:
        """Adds a parcel once."""
        words = {"key": parcel.key, "kind": parcel.kind, "body": parcel.body, "due": when}
        with self.database.writing() as session:
            return self.database.insert_new(session, ParcelRow, **words, tries=0, error="")

    def take(self, now: datetime, *, hold_seconds: float, limit: int = 20) -> tuple[Parcel, ...]:
        """Parcels that are due, for nobody else meanwhile."""
        due = (
            select(ParcelRow)
            .where(ParcelRow.sent.is_(None), ParcelRow.due <= now)
            .order_by(ParcelRow.due, ParcelRow.id)
            .limit(within(limit))
            .with_for_update(skip_locked=True)
        )
        with self.database.writing() as session:
            rows = [*session.scalars(due)]
            for row in rows:
                row.due = now + timedelta(seconds=hold_seconds)
                row.tries += 1
        return tuple(_parcel(row) for row in rows)

    def sent(self, key: str, when: datetime) -> None:
        """It went out."""
        self._note(key, sent=when, error="")

    def failed(self, key: str, error: str, again: datetime | None) -> None:
        """It did not."""
        self._note(key, due=again, error=error)

    def amend(self, key: str, body: Json) -> None:
        """Replaces what is in it."""
        self._note(key, body=body)

    def listing(self, *, limit: int = 100, sent: bool = False) -> tuple[Parcel, ...]:
        """What was not sent yet, or what was."""
        wanted = select(ParcelRow).where(ParcelRow.sent.is_not(None) if sent else ParcelRow.sent.is_(None))
        order = (ParcelRow.sent.desc(), ParcelRow.id.desc()) if sent else (ParcelRow.id,)
        with self.database.reading() as session:
            return tuple(_parcel(row) for row in session.scalars(wanted.order_by(*order).limit(within(limit))))

    def _note(self, key: str, **values: object) -> None:
        with self.database.writing() as session:
            unsent = (ParcelRow.key == key, ParcelRow.sent.is_(None))
            session.execute(update(ParcelRow).where(*unsent).values(**values))


@dataclass(frozen=True, kw_only=True)
class KeptMarks:
    """stores.Marks in a database."""

    database: Database

    def get(self, name: str) -> str:
        """The mark."""
        with self.database.reading() as session:
            return session.scalar(select(FactRow.value).where(FactRow.name == MARK + name)) or ""

    def put(self, name: str, value: str) -> None:
        """Sets it."""
        with self.database.writing() as session:
            self.database.hold(session, MARK + name)
            session.merge(FactRow(name=MARK + name, value=value))


def _cursor(text: str) -> tuple[str, int]:
    if not text:
        return "", 0
    generation, _, seq = text.partition(".")
    if not (seq.isascii() and seq.isdecimal() and len(seq) < 19):
        raise WrongSetting("after", "the cursor of an earlier pull, or nothing")
    return generation, int(seq)


def _op(row: SyncOpRow) -> SyncOp:
    return SyncOp(op_id=row.op_id, hlc=row.hlc, kind=row.kind, body=row.body, device=row.device)


def _parcel(row: ParcelRow) -> Parcel:
    due = None if row.sent else row.due
    return Parcel(key=row.key, kind=row.kind, body=row.body, tries=row.tries, error=row.error, due=due, sent=row.sent)
