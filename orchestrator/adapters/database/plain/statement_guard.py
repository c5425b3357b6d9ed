"""The guard of the fleet's state for plain SQL: which statements may a worker run?

What `state_guard` is for SQLAlchemy's: whatever a statement does, it says so with its first words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from orchestrator.adapters.database.plain.statements import Rows, RunStatement, Transactions
from orchestrator.core.errors import GlobalStateRefused
from orchestrator.core.state_scope import DatabaseUser

WRITES = re.compile(r'\s*(?:INSERT\s+INTO|UPDATE|DELETE\s+FROM)\s+"?([A-Za-z_]+)"?\s', re.IGNORECASE)
READS = re.compile(r"\s*SELECT\s", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class GuardedTransactions:
    """Transactions of a database in which `user` writes what is theirs to write."""

    inner: Transactions
    user: DatabaseUser

    @property
    def place(self) -> str:
        """The database's."""
        return self.inner.place

    @property
    def row_lock(self) -> str:
        """The database's."""
        return self.inner.row_lock

    @contextmanager
    def reading(self) -> Iterator[RunStatement]:
        """A transaction that changes nothing."""
        with self.inner.reading() as sql:
            yield _Judged(sql, self.user)

    @contextmanager
    def writing(self) -> Iterator[RunStatement]:
        """A transaction that is committed at the end. Its statements raise GlobalStateRefused."""
        with self.inner.writing() as sql:
            yield _Judged(sql, self.user)


@dataclass(frozen=True)
class _Judged:
    """One transaction's."""

    run: RunStatement
    user: DatabaseUser

    def __call__(self, sql: str, /, **values: object) -> Rows:
        """The rows that it returns. Raises GlobalStateRefused."""
        written = WRITES.match(sql)
        if written is not None:
            self.user.require_writable(written[1].lower())
        elif READS.match(sql) is None:
            raise GlobalStateRefused("this node may not run a statement of which it is not plain what it writes")
        return self.run(sql, **values)

    def hold(self, what: str) -> None:
        """As the database's."""
        self.run.hold(what)
