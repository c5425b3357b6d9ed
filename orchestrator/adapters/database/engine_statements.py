"""How are statements in plain SQL run where an engine is open anyway, as on PostgreSQL?"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection, text

from orchestrator.adapters.database.engine import Database, lock_name
from orchestrator.adapters.database.plain.statements import Rows, RunStatement


@dataclass(frozen=True, kw_only=True)
class EngineTransactions:
    """Transactions of an open database."""

    database: Database

    @property
    def place(self) -> str:
        """The database's."""
        return self.database.place

    @property
    def row_lock(self) -> str:
        """PostgreSQL's."""
        return "" if self.database.is_sqlite else " FOR UPDATE SKIP LOCKED"

    @contextmanager
    def reading(self) -> Iterator[RunStatement]:
        """A transaction that changes nothing."""
        with self.database.reading() as session:
            yield _Statements(session.connection())

    @contextmanager
    def writing(self) -> Iterator[RunStatement]:
        """A transaction that is committed at the end."""
        with self.database.writing() as session:
            yield _Statements(session.connection())


@dataclass(frozen=True)
class _Statements:
    """One transaction's."""

    connection: Connection

    def __call__(self, sql: str, /, **values: object) -> Rows:
        """The rows that it returns."""
        found = self.connection.execute(text(sql), values)
        return [tuple(row) for row in found] if found.returns_rows else []

    def hold(self, what: str) -> None:
        """As Database.hold."""
        lock_name(self.connection, what)
