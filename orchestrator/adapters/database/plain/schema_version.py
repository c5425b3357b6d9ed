"""At which schema must a database be for this program to use it, and how is each connection to SQLite set up?"""

from __future__ import annotations

HEAD_REVISION = "0010"
"""The newest step; here so that a database that is up to date is opened without loading Alembic."""
VERSION_TABLE = "alembic_version"
BUSY_MS = 30_000
"""How long a writer waits for another one, in milliseconds, on either database."""
PRAGMAS = (f"busy_timeout={BUSY_MS}", "synchronous=FULL", "foreign_keys=ON", "trusted_schema=OFF")
"""FULL: with less, the last turns of a conversation would be gone after a power cut (https://sqlite.org/wal.html)."""
