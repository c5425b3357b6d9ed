"""What is outgoing, and up to which mark was something read? The tables are in `outbox_and_marks`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from orchestrator.adapters.database.plain.column_values import (
    clamp_integer,
    json_value,
    moment_value,
    name_value,
    read_document,
    read_moment,
    read_text,
    text_value,
)
from orchestrator.adapters.database.plain.statements import Transactions
from orchestrator.core.json_object import Json
from orchestrator.core.ports.outbox import OutboxItem

CURSOR_PREFIX = "mark "
"""What the name of a mark begins with among the facts."""
SENT_KEPT = timedelta(days=365)
"""How long it is known that something went out: nothing is tried for as long, and nothing is told again meanwhile."""
MAX_NAMES = 500
"""That are named in one statement."""

PUT = """
INSERT INTO outbox ("key", kind, body, due, tries, error) VALUES (:key, :kind, :body, :due, 0, '')
ON CONFLICT DO NOTHING RETURNING id"""
COLUMNS = '"key", kind, body, tries, error, due, sent'
DUE = "SELECT id FROM outbox WHERE sent IS NULL AND due <= :now{of_kind} ORDER BY due, id LIMIT :most"
OF_KIND = " AND kind = :kind"
HOLD = f"UPDATE outbox SET due = :until, tries = tries + 1 WHERE id = :id RETURNING {COLUMNS}"  # noqa: S608  # constants
FORGET = "DELETE FROM outbox WHERE sent < :before"
WAITING = f"SELECT {COLUMNS} FROM outbox WHERE sent IS NULL ORDER BY id LIMIT :most"  # noqa: S608
SENT = f"SELECT {COLUMNS} FROM outbox WHERE sent IS NOT NULL ORDER BY sent DESC, id DESC LIMIT :most"  # noqa: S608
NOTE_SENT = "UPDATE outbox SET sent = :sent, error = '' WHERE \"key\" = :key AND sent IS NULL"
NOTE_FAILED = 'UPDATE outbox SET due = :due, error = :error WHERE "key" = :key AND sent IS NULL'
AMEND = 'UPDATE outbox SET body = :body WHERE "key" = :key AND sent IS NULL'

GET = "SELECT value FROM store_facts WHERE name = :name"
SET = """
INSERT INTO store_facts (name, value) VALUES (:name, :value)
ON CONFLICT (name) DO UPDATE SET value = excluded.value"""
STARTING = "SELECT name, value FROM store_facts WHERE substr(name, 1, :length) = :begins"
DROP = "DELETE FROM store_facts WHERE name IN ({names})"


@dataclass(frozen=True, kw_only=True)
class SqlOutgoing:
    """stores.Outgoing in a database."""

    database: Transactions

    def put(self, parcel: OutboxItem, when: datetime) -> bool:
        """Adds a parcel once."""
        with self.database.writing() as sql:
            names = {"key": name_value(parcel.key), "kind": name_value(parcel.kind)}
            return bool(sql(PUT, **names, body=json_value(parcel.body), due=moment_value(when)))

    def take(self, now: datetime, *, hold_seconds: float, limit: int = 20, kind: str = "") -> tuple[OutboxItem, ...]:
        """Parcels that are due, for nobody else meanwhile."""
        wanted = DUE.format(of_kind=OF_KIND if kind else "") + self.database.row_lock
        of_kind = {"kind": kind} if kind else {}
        with self.database.writing() as sql:
            until = moment_value(now + timedelta(seconds=hold_seconds))
            due = sql(wanted, now=moment_value(now), most=clamp_integer(limit), **of_kind)
            return tuple(_outbox_item(*row) for (each,) in due for row in sql(HOLD, id=each, until=until))

    def sent(self, key: str, when: datetime) -> None:
        """It went out; what did so long ago is forgotten."""
        with self.database.writing() as sql:
            sql(NOTE_SENT, key=key, sent=moment_value(when))
            sql(FORGET, before=moment_value(when - SENT_KEPT))

    def failed(self, key: str, error: str, again: datetime | None) -> None:
        """It did not."""
        with self.database.writing() as sql:
            due = moment_value(again) if again is not None else None
            sql(NOTE_FAILED, key=key, due=due, error=text_value(error))

    def amend(self, key: str, body: Json) -> None:
        """Replaces what is in it."""
        with self.database.writing() as sql:
            sql(AMEND, key=key, body=json_value(body))

    def listing(self, *, limit: int = 100, sent: bool = False) -> tuple[OutboxItem, ...]:
        """What was not sent yet, or what was."""
        with self.database.reading() as sql:
            return tuple(_outbox_item(*row) for row in sql(SENT if sent else WAITING, most=clamp_integer(limit)))


@dataclass(frozen=True, kw_only=True)
class SqlCursors:
    """stores.Marks in a database."""

    database: Transactions

    def get(self, name: str) -> str:
        """The mark."""
        with self.database.reading() as sql:
            return "".join(read_text(value) for (value,) in sql(GET, name=name_value(CURSOR_PREFIX + name)))

    def put(self, name: str, value: str) -> None:
        """Sets it."""
        with self.database.writing() as sql:
            sql(SET, name=name_value(CURSOR_PREFIX + name), value=text_value(value))

    def starting(self, prefix: str) -> dict[str, str]:
        """The marks of one kind."""
        with self.database.reading() as sql:
            begins = name_value(CURSOR_PREFIX + prefix)
            rows = sql(STARTING, begins=begins, length=len(begins))
        return {name.removeprefix(CURSOR_PREFIX): read_text(value) for name, value in rows}

    def drop(self, names: Iterable[str]) -> None:
        """Forgets them."""
        with self.database.writing() as sql:
            every = [name_value(CURSOR_PREFIX + name) for name in names]
            for at in range(0, len(every), MAX_NAMES):
                some = {f"n{n}": name for n, name in enumerate(every[at : at + MAX_NAMES])}
                sql(DROP.format(names=", ".join(f":{each}" for each in some)), **some)


def _outbox_item(key: str, kind: str, body: str, tries: int, error: str, due: Any, sent: Any) -> OutboxItem:
    return OutboxItem(
        key=key,
        kind=kind,
        body=read_document(body),
        tries=tries,
        error=read_text(error),
        due=read_moment(due) if due and not sent else None,
        sent=read_moment(sent) if sent else None,
    )
