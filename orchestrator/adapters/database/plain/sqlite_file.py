"""How does a node use its SQLite file without loading SQLAlchemy, once the file has this program's schema?

What makes such a file, brings it up to date or says what is wrong with it is `engine`; here it is only used, with the
same settings, so several threads and processes can use it at once beside those that come by SQLAlchemy.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.adapters.database.plain.failures import translate_driver_errors
from orchestrator.adapters.database.plain.schema_version import HEAD_REVISION, PRAGMAS, VERSION_TABLE
from orchestrator.adapters.database.plain.statements import Rows
from orchestrator.core.sqlite_url import sqlite_uri

URL_PREFIX = "sqlite:///"
KEPT_CONNECTIONS = 2
"""So many stay open between two uses: the loop's and one of a thread beside it."""


def file_of(url: str) -> Path | None:
    """The file of a plainly written SQLite URL; None for any other, which SQLAlchemy reads."""
    name = url.removeprefix(URL_PREFIX)
    plain = url.startswith(URL_PREFIX) and name not in {"", ":memory:"} and not {"?", "%"} & {*name}
    return Path(name) if plain else None


def is_up_to_date(path: Path) -> bool:
    """Whether this file can be used as it is; what is wrong with it otherwise is not for here to say."""
    if not path.is_file():
        return False
    try:
        with closing(_connect(path)) as connection:
            found = connection.execute(f"SELECT version_num FROM {VERSION_TABLE}").fetchall()  # noqa: S608  # constant
            return found == [(HEAD_REVISION,)] and _pragma(connection, "journal_mode") == "wal"
    except (sqlite3.Error, OSError):
        return False


@dataclass(frozen=True, kw_only=True)
class SqliteFile:
    """Transactions of an SQLite file that is up to date."""

    path: Path
    _idle: list[sqlite3.Connection] = field(default_factory=list)
    _closed: threading.Event = field(default_factory=threading.Event)

    @property
    def place(self) -> str:
        """The file."""
        return str(self.path)

    @property
    def row_lock(self) -> str:
        """None is needed."""
        return ""

    @contextmanager
    def reading(self) -> Iterator[_Statements]:
        """A transaction that changes nothing."""
        with self._transaction("BEGIN") as run:
            yield run

    @contextmanager
    def writing(self) -> Iterator[_Statements]:
        """A writer waits at the very beginning: later, SQLite may not wait, and would say that the file is locked."""
        with self._transaction("BEGIN IMMEDIATE") as run:
            yield run

    def close(self) -> None:
        """Lets go of every connection; those of uses that go on, or come after it, are closed when these end."""
        self._closed.set()
        with suppress(IndexError):  # a use that begins now may take the last one
            while True:
                self._idle.pop().close()

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[_Statements]:
        with translate_driver_errors(str(self.path)):
            connection = self._take()
            try:
                connection.execute(begin)
                yield _Statements(connection)
                connection.execute("COMMIT")
            except BaseException:
                connection.close()  # with what it had begun
                raise
            self._put_back(connection)

    def _take(self) -> sqlite3.Connection:
        try:
            return self._idle.pop()
        except IndexError:
            return _connect(self.path)

    def _put_back(self, connection: sqlite3.Connection) -> None:
        if len(self._idle) >= KEPT_CONNECTIONS:
            connection.close()
            return
        self._idle.append(connection)
        if self._closed.is_set():  # also where that came just now: whoever is last empties it
            self.close()


@dataclass(frozen=True)
class _Statements:
    """One transaction's."""

    connection: sqlite3.Connection

    def __call__(self, sql: str, /, **values: object) -> Rows:
        """The rows that it returns."""
        return self.connection.execute(sql, values).fetchall()

    def hold(self, what: str) -> None:
        """Every writer is alone already."""


def _connect(path: Path) -> sqlite3.Connection:
    """A connection that any thread may use, one after the other; it makes no file."""
    connection = sqlite3.connect(sqlite_uri(path, "rw"), uri=True, isolation_level=None, check_same_thread=False)
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    return connection


def _pragma(connection: sqlite3.Connection, name: str) -> str:
    return str(connection.execute(f"PRAGMA {name}").fetchone()[0])
