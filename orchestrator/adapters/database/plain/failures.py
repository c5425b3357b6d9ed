"""Which error does a person read when SQLite or a PostgreSQL server fails? One line: what is wrong, what to do."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from orchestrator.adapters.database.plain.column_values import UnstorableValue
from orchestrator.core.errors import StoreFailed, WrongSetting

DISK_FULL = "the disk is full: free some space, then do it again; nothing was half written"
DISK_FAILS = "the disk there cannot be read or written: it is full, or fails (`df` and `dmesg` tell)"
LOCKED = "another process holds it for too long: try again"
FORBIDDEN = "this user may not do that there: grant it ALL on the database and its schema"
TEXT_BY_SQLITE_CODE = {
    sqlite3.SQLITE_FULL: DISK_FULL,
    sqlite3.SQLITE_IOERR: DISK_FAILS,
    sqlite3.SQLITE_BUSY: LOCKED,
    sqlite3.SQLITE_LOCKED: LOCKED,
    sqlite3.SQLITE_READONLY: "it may not be written: look at who owns the file and its folder",
    sqlite3.SQLITE_PERM: "it may not be written: look at who owns the file and its folder",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened: look at whether it is a file, and at who may read it and its folder",
    sqlite3.SQLITE_NOTADB: "it is not an SQLite database",
    sqlite3.SQLITE_CORRUPT: "it is damaged: `shiftbook restore FILE` brings a backup back",
}
"""By SQLite's primary result code (https://www.sqlite.org/rescode.html)."""
TEXT_BY_SQLSTATE = {
    "53100": DISK_FULL,
    "53300": "it has no connection free: raise max_connections there, or try again",
    "55P03": LOCKED,
    "40P01": LOCKED,
    "42501": FORBIDDEN,
    "3F000": FORBIDDEN,  # no schema that this user may see
}
"""By PostgreSQL's SQLSTATE (appendix A of its manual)."""
TRANSIENT = {DISK_FULL, DISK_FAILS, LOCKED, TEXT_BY_SQLSTATE["53300"]}
"""What has nothing to do with the setting: it may be well in a minute."""


def driver_failure(place: str, cause: BaseException, *, gone: bool = False) -> StoreFailed:
    """What a driver raised, in words, without values: those of a statement may be secret. `gone`: so is the
    connection."""
    code = getattr(cause, "sqlite_errorcode", None)
    words = (
        TEXT_BY_SQLITE_CODE.get(code & 0xFF)
        if isinstance(code, int)
        else TEXT_BY_SQLSTATE.get(str(getattr(cause, "sqlstate", None)))
    )
    if words is None:
        words = " ".join(str(cause).split("\n")[0].split()) or type(cause).__name__
    return StoreFailed(place, words, passing=words in TRANSIENT or gone)


@contextmanager
def translate_driver_errors(place: str) -> Iterator[None]:
    """Says in our words what SQLite and the file system raise. Raises StoreFailed, and WrongSetting for a value that no
    database can hold."""
    try:
        yield
    except UnstorableValue as error:
        raise WrongSetting("a value to be stored", str(error)) from error
    except sqlite3.Error as error:
        raise driver_failure(place, error) from error
    except OSError as error:
        full = error.errno == errno.ENOSPC
        raise StoreFailed(place, DISK_FULL if full else str(error.strerror or error), passing=full) from error
