"""With which engine, SQLite or PostgreSQL, does a node keep what only it needs to know?

SQLAlchemy on SQLite, in the home folder by default, or on PostgreSQL. SQLite is set up so that several threads and
processes can use one file: writers queue up at the beginning of a transaction, where waiting is safe, and readers
never wait.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, IntegrityError
from sqlalchemy.orm import DeclarativeBase, Session

from orchestrator.adapters.database import errors, migration
from orchestrator.adapters.database.plain.new_file import make_new
from orchestrator.adapters.database.plain.schema_version import BUSY_MS, PRAGMAS
from orchestrator.core.errors import StoreFailed, WrongSetting
from orchestrator.core.own_installation import extra_command

VARIABLE = "SHIFTBOOK_DATABASE_URL"
LOCK_TIMEOUT = f"SET LOCAL lock_timeout = {BUSY_MS}"
"""For this transaction alone. A pooler that lends a connection out for a transaction (PgBouncer) would give what is set
for a session to whoever comes next, and not to us the next time."""
CONNECT_SECONDS = 5
"""How long a server may take to let us in."""
WRITES_OPTION = "shiftbook_writes"


class Table(DeclarativeBase):
    """Root of the tables of this database. Constraints have no names of ours, as in the first version."""


@dataclass(frozen=True)
class Database:
    """An open database. Use it from any thread; after a fork, open another one."""

    engine: Engine
    _closed: threading.Event = field(default_factory=threading.Event)

    @property
    def place(self) -> str:
        """What it is called for a person, without a password."""
        return place(self.engine.url)

    @property
    def is_sqlite(self) -> bool:
        """Whether it is a file on this machine."""
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A transaction that changes nothing. Raises StoreFailed, WrongSetting."""
        self.require_open()
        with errors.translate_errors(self.place), Session(self.engine) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A transaction that is committed at the end, whole or, when anything is raised, not at all.

        Raises StoreFailed, WrongSetting, and IntegrityError where a row breaks a constraint.
        """
        self.require_open()
        writer = self.engine.execution_options(**{WRITES_OPTION: True})
        with errors.translate_errors(self.place), Session(writer, expire_on_commit=False) as session, session.begin():
            yield session

    def hold(self, session: Session, what: str) -> None:
        """Lets nobody else past this line with the same word until the transaction ends."""
        lock_name(session.connection(), what)

    def insert_new(self, session: Session, table: type[Table], **values: Any) -> bool:
        """Adds a row; False, and nothing changes, when it would break a constraint that it is unique."""
        insert = sqlite.insert(table) if self.is_sqlite else postgresql.insert(table)
        key = next(iter(table.__table__.primary_key))
        added = session.execute(insert.values(**values).on_conflict_do_nothing().returning(key)).first()
        return added is not None

    def close(self) -> None:
        """Lets go of every connection; those of uses that go on are closed when these end. It is not opened again."""
        self._closed.set()
        self.engine.dispose()

    def require_open(self) -> None:
        """The engine would make a new pool, which nobody closes. Raises StoreFailed."""
        if self._closed.is_set():
            raise StoreFailed(self.place, "it was closed")


def open_database(url: str) -> Database:
    """The database at `url`, made or brought up to this program's schema. Raises WrongSetting, StoreFailed."""
    try:
        parsed = read_url(url)
        is_sqlite = parsed.get_backend_name() == "sqlite"
        more: dict[str, Any] = {"max_overflow": 20}
        if not is_sqlite:
            # nothing is prepared at the server: behind a pooler the next transaction may be at another one
            arguments = {"connect_timeout": CONNECT_SECONDS, "prepare_threshold": None, "client_encoding": "UTF8"}
            more |= {"pool_pre_ping": True, "connect_args": arguments}
        engine = create_engine(parsed, **more)
    except ImportError as error:
        why = f"{error}: {extra_command('postgresql')} brings what it needs"
        raise WrongSetting(VARIABLE, why) from error
    except ArgumentError as error:
        raise WrongSetting(VARIABLE, str(error)) from error
    if is_sqlite:
        event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin if is_sqlite else _begin_at_server)
    _bring_up(engine)
    return Database(engine)


def read_url(url: str) -> URL:
    """The URL as SQLAlchemy takes it, with our driver. Raises ArgumentError, WrongSetting."""
    parsed = make_url(url)
    if parsed.drivername in {"postgres", "postgresql"}:
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.get_backend_name() not in {"sqlite", "postgresql"}:
        raise WrongSetting(VARIABLE, f"sqlite:///PATH or postgresql://…, not {parsed.drivername}://…")
    if parsed.get_backend_name() == "sqlite" and parsed.database in {None, "", ":memory:"}:
        raise WrongSetting(VARIABLE, "a database in memory forgets everything: name a file, sqlite:////PATH")
    return parsed


def place(url: URL) -> str:
    """What the database at `url` is called for a person, without a password."""
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    where = url.host or url.query.get("host") or "this machine"
    return f"{url.database or url.username or ''} at {where}{f':{url.port}' if url.port else ''}"


def lock_name(connection: Connection, what: str) -> None:
    """As Database.hold. On SQLite every writer is alone already."""
    if connection.dialect.name == "postgresql":
        number = int.from_bytes(blake2b(what.encode(), digest_size=8, person=b"shiftbook").digest(), signed=True)
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": number})


def _bring_up(engine: Engine) -> None:
    where = place(engine.url)
    try:
        with errors.translate_errors(where):
            if engine.dialect.name == "sqlite":
                _make_file(Path(str(engine.url.database)), engine)
            if not migration.is_current(engine):
                with engine.execution_options(**{WRITES_OPTION: True}).begin() as connection:
                    lock_name(connection, "schema")
                    migration.bring_up(connection, where)
    except (StoreFailed, IntegrityError) as error:
        engine.dispose()
        if isinstance(error, StoreFailed) and error.passing:
            raise
        raise WrongSetting(VARIABLE, str(error)) from error
    except Exception:
        engine.dispose()
        raise


def _make_file(path: Path, engine: Engine) -> None:
    """The file for nobody else to read, writing ahead. Two processes may do this at once.

    One that is there is opened by SQLite alone: to close any descriptor of it would drop the locks that this process
    holds on it, and another one would then take its log away (https://www.sqlite.org/howtocorrupt.html, 2.2).
    """
    if path.exists() and not path.is_file():
        raise WrongSetting(VARIABLE, f"the database {path} cannot be opened: it is no file")
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not make_new(path):
        with suppress(FileExistsError):  # an empty one is filled by the steps
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    over = time.monotonic() + BUSY_MS / 1000
    while True:
        raw = engine.raw_connection()
        try:
            raw.cursor().execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:  # this one statement does not heed busy_timeout
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > over:
                raise
            time.sleep(0.02)
        else:
            return
        finally:
            raw.close()


def _prepare_sqlite(connection: Any, _: object) -> None:
    connection.isolation_level = None  # we say ourselves how a transaction begins
    cursor = connection.cursor()
    for pragma in PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_at_server(connection: Connection) -> None:
    connection.exec_driver_sql(LOCK_TIMEOUT, execution_options={"stream_results": False})  # no cursor holds a SET


def _begin(connection: Connection) -> None:
    """A writer waits at the very beginning: later, SQLite may not wait, and would say that the file is locked."""
    writes = connection.get_execution_options().get(WRITES_OPTION)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
