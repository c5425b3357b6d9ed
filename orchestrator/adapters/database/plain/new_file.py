"""How does a new SQLite file come to this program's schema? It is made as Alembic's steps would leave it.

To run the steps, Alembic and SQLAlchemy take most of a second, which a file that holds nothing yet need not wait for.
The statements of `schema.sql` are those that the steps leave in SQLite's own table; a test holds the two together.
"""

from __future__ import annotations

import secrets
import sqlite3
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from orchestrator.adapters.database.plain.schema_version import HEAD_REVISION, VERSION_TABLE
from sync.files import create

SCHEMA = Path(__file__).with_name("schema.sql")


def make_new(path: Path) -> bool:
    """Makes the file at `path`, for nobody else to read, unless something is there; says whether it did.

    Of several processes one does, and none sees half of it. Where it cannot be made, as in a file system without hard
    links, `engine` tries its way, and says what is wrong.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        return not path.exists() and create(path, _content(), mode=0o600)
    except OSError:
        return False


def _content() -> bytes:
    with TemporaryDirectory(prefix="shiftbook-") as folder:
        made = Path(folder) / "new.db"
        with closing(sqlite3.connect(made)) as connection:
            connection.execute("PRAGMA synchronous=OFF")  # what the disk has to keep is the copy
            connection.executescript(f"BEGIN; {SCHEMA.read_text(encoding='utf-8')}")
            connection.execute(f"INSERT INTO {VERSION_TABLE} VALUES (?)", (HEAD_REVISION,))  # noqa: S608  # constant
            connection.execute("INSERT INTO store_facts VALUES ('generation', ?)", (secrets.token_hex(8),))
            connection.commit()
            connection.execute("PRAGMA journal_mode=WAL")
        return made.read_bytes()
