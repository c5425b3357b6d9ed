"""How does a whole database become one file, and come back from it?

The file is an SQLite database with the same tables, whatever the database is, so a copy moves between the two. Only
rows come back from it, never its definitions: a copy that somebody else wrote can put nothing else into ours.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, func, select, text
from sqlalchemy import Table as Definition
from sqlalchemy.exc import IntegrityError

from orchestrator.adapters.database import errors
from orchestrator.adapters.database.engine import WRITES_OPTION, Database, open_database
from orchestrator.adapters.database.outbox_and_marks import FactRow, renew
from orchestrator.adapters.database.plain.schema_version import HEAD_REVISION, VERSION_TABLE
from orchestrator.adapters.database.schema import DEFINITIONS
from orchestrator.core.errors import StoreFailed, WrongSetting
from orchestrator.core.sqlite_url import sqlite_uri, sqlite_url

ROWS_PER_BATCH = 500
"""Rows that are carried over at a time."""
SQLITE_HEADER = b"SQLite format 3\0"


@dataclass(frozen=True, kw_only=True)
class DatabaseCopies:
    """stores.Copies of a database."""

    database: Database

    @property
    def schema(self) -> str:
        """The schema's revision."""
        return HEAD_REVISION

    @property
    def place(self) -> str:
        """What the database is called."""
        return self.database.place

    def save(self, path: Path) -> int:
        """Writes a consistent copy. Raises FileExistsError."""
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        with errors.translate_errors(self.place):
            return self._save_file(path) if self.database.is_sqlite else self._save_rows(path)

    def empty(self) -> bool:
        """Whether there is no row, but for what opening the database writes."""
        with self.database.reading() as session:
            kept = (table for table in DEFINITIONS if table.name != FactRow.__tablename__)
            return not any(session.scalar(select(func.count()).select_from(table)) for table in kept)

    def load(self, path: Path) -> int:
        """Replaces everything by the rows of a copy. Raises WrongSetting."""
        _check(path)
        try:
            with _opened(path) as copy, copy.engine.connect() as source, self.database.writing() as session:
                self.database.hold(session, "schema")
                rows = _replace(source, session.connection())
                renew(session)
        except (IntegrityError, StoreFailed) as error:
            if isinstance(error, StoreFailed) and error.passing:
                raise
            why = error.why if isinstance(error, StoreFailed) else "they contradict each other"
            raise WrongSetting(path.name, f"its rows do not fit: {why}") from error
        return rows

    def _save_file(self, path: Path) -> int:
        self.database.require_open()
        raw = self.database.engine.raw_connection()
        try:
            with closing(sqlite3.connect(path)) as target:
                assert isinstance(raw.driver_connection, sqlite3.Connection)
                raw.driver_connection.backup(target)  # one snapshot; writers go on meanwhile, into the write-ahead log
                target.execute("PRAGMA journal_mode=DELETE")  # so that the one file is all of it
                names = [table.name for table in DEFINITIONS]
                return sum(target.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in names)  # noqa: S608
        finally:
            raw.close()

    def _save_rows(self, path: Path) -> int:
        self.database.require_open()
        snapshot = self.database.engine.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True, stream_results=True
        )
        with _opened(path) as copy:
            with _writing(copy.engine) as target, snapshot.connect() as source:
                rows = _replace(source, target)
            with copy.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as last:
                last.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        with closing(sqlite3.connect(path)) as alone:
            alone.execute("PRAGMA journal_mode=DELETE")
        return rows


@contextmanager
def _opened(path: Path) -> Iterator[Database]:
    try:
        copy = open_database(sqlite_url(path))
    except WrongSetting as error:  # it is about this file, not about the setting
        raise WrongSetting(path.name, error.why) from error
    try:
        yield copy
    finally:
        copy.close()


@contextmanager
def _writing(engine: Engine) -> Iterator[Connection]:
    with engine.execution_options(**{WRITES_OPTION: True}).begin() as connection:
        yield connection


def _check(path: Path) -> None:
    """Raises WrongSetting unless `path` is a whole SQLite database that some version of ours made."""
    with path.open("rb") as file:
        if file.read(len(SQLITE_HEADER)) != SQLITE_HEADER:
            raise WrongSetting(path.name, "it is no copy of a database")
    try:
        with closing(sqlite3.connect(sqlite_uri(path, "ro"), uri=True)) as copy:
            found = copy.execute("PRAGMA integrity_check").fetchone()[0]
            ours = copy.execute("SELECT name FROM sqlite_master WHERE name = ?", (VERSION_TABLE,)).fetchone()
    except sqlite3.Error as error:
        raise WrongSetting(path.name, f"it is damaged: {error}") from error
    if found != "ok" or ours is None:
        raise WrongSetting(path.name, f"it is damaged: {found}" if found != "ok" else "shiftbook did not make it")


def _replace(source: Connection, target: Connection) -> int:
    for table in reversed(DEFINITIONS):
        target.execute(text(f'DELETE FROM "{table.name}"'))  # noqa: S608  # our own definitions
    rows = sum(_copy_rows(table, source, target) for table in DEFINITIONS)
    if target.dialect.name == "postgresql":
        for table in DEFINITIONS:
            _advance_sequence(table, target)
    return rows


def _copy_rows(table: Definition, source: Connection, target: Connection) -> int:
    """Copies a table's rows as they are stored; both databases store the same."""
    names = [column.name for column in table.columns]
    listed, places = ", ".join(f'"{name}"' for name in names), ", ".join(f":{name}" for name in names)
    add, count = text(f'INSERT INTO "{table.name}" ({listed}) VALUES ({places})'), 0  # noqa: S608  # our own definitions
    for part in source.execute(text(f'SELECT {listed} FROM "{table.name}"')).mappings().partitions(ROWS_PER_BATCH):  # noqa: S608
        target.execute(add, [dict[str, Any](row) for row in part])
        count += len(part)
    return count


def _advance_sequence(table: Definition, target: Connection) -> None:
    """Lets a PostgreSQL sequence go on after the highest number that is there."""
    column = table.autoincrement_column
    if column is None:
        return
    highest = f'SELECT setval(pg_get_serial_sequence(:name, :column), coalesce(max("{column.name}"), 0) + 1, false)'
    words = {"name": table.name, "column": column.name}
    target.execute(text(f'{highest} FROM "{table.name}"'), words)  # our own definitions
