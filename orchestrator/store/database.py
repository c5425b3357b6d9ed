"""Where does a node keep what only it needs to know?

SQLAlchemy on any URL; SQLite by default, which is set up so that several threads and processes can use one file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, OperationalError, ProgrammingError
from sqlalchemy.orm import DeclarativeBase

from orchestrator.errors import WrongSetting

BUSY_MS = 10_000
"""How long a writer waits for another one, in milliseconds."""
PRAGMAS = (f"busy_timeout={BUSY_MS}", "journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON")


class Table(DeclarativeBase):
    """Root of the tables of this database."""


def open_database(url: str) -> Engine:
    """An engine on `url`, with every table that its modules have declared. Raises WrongSetting."""
    try:
        parsed = make_url(url)
        sqlite = parsed.get_backend_name() == "sqlite"
        if sqlite and parsed.database and parsed.database != ":memory:":
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(parsed, pool_pre_ping=not sqlite)
    except (ArgumentError, ImportError) as error:
        raise WrongSetting("SHIFTBOOK_DATABASE_URL", str(error)) from error
    if sqlite:
        event.listen(engine, "connect", _prepare)
    try:
        Table.metadata.create_all(engine)
    except (OperationalError, ProgrammingError):
        Table.metadata.create_all(engine)  # another process made them in the same moment; if not, this raises again
    return engine


def _prepare(connection: Any, _: object) -> None:
    cursor = connection.cursor()
    for pragma in PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
