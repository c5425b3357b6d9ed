"""Does a person read one line on which database fails, why, and what to do, and never a value?"""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import IntegrityError, OperationalError, StatementError
from sqlalchemy.exc import TimeoutError as NoConnectionFree

from orchestrator.adapters.database.errors import store_failure, translate_errors
from orchestrator.adapters.database.plain.column_values import UnstorableValue
from orchestrator.adapters.database.plain.failures import DISK_FAILS, DISK_FULL, FORBIDDEN, LOCKED
from orchestrator.core.errors import StoreFailed, WrongSetting

SECRET = "zebra"


class PostgresError(Exception):
    """What a driver raises: only its SQLSTATE is looked at."""

    def __init__(self, sqlstate: str, said: str = "") -> None:
        self.sqlstate = sqlstate
        super().__init__(said)


def of_sqlite(code: int) -> sqlite3.Error:
    """An error with SQLite's code."""
    error = sqlite3.OperationalError(f"something about {SECRET}")
    error.sqlite_errorcode = code
    return error


def failed(error: Exception) -> StoreFailed:
    """As it is told."""
    with pytest.raises(StoreFailed) as caught, translate_errors("x.db"):
        raise error
    said = str(caught.value)
    assert said.startswith("the database x.db: ")
    assert "\n" not in said
    return caught.value


@pytest.mark.parametrize(
    ("code", "words", "passing"),
    [
        (sqlite3.SQLITE_FULL, DISK_FULL, True),
        (sqlite3.SQLITE_IOERR, DISK_FAILS, True),
        (sqlite3.SQLITE_BUSY, LOCKED, True),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, LOCKED, True),
        (sqlite3.SQLITE_LOCKED, LOCKED, True),
        (sqlite3.SQLITE_READONLY, "may not be written", False),
        (sqlite3.SQLITE_READONLY_DBMOVED, "may not be written", False),
        (sqlite3.SQLITE_CANTOPEN, "cannot be opened", False),
        (sqlite3.SQLITE_NOTADB, "not an SQLite database", False),
        (sqlite3.SQLITE_CORRUPT, "shiftbook restore", False),
        (sqlite3.SQLITE_CORRUPT_INDEX, "shiftbook restore", False),
    ],
)
def test_each_code_of_sqlite_is_said(code: int, words: str, *, passing: bool) -> None:
    """Extended codes count as their primary one; the library's own words are not repeated."""
    found = failed(of_sqlite(code))
    assert words in str(found)
    assert found.passing is passing
    assert SECRET not in str(found)


@pytest.mark.parametrize(
    ("state", "words", "passing"),
    [
        ("53100", DISK_FULL, True),
        ("53300", "max_connections", True),
        ("55P03", LOCKED, True),
        ("40P01", LOCKED, True),
        ("42501", FORBIDDEN, False),
        ("3F000", FORBIDDEN, False),
    ],
)
def test_each_state_of_postgresql_is_said(state: str, words: str, *, passing: bool) -> None:
    """By its number, in whatever language the server speaks."""
    error = OperationalError(f"INSERT {SECRET}", {"key": SECRET}, PostgresError(state, SECRET))
    found = store_failure("shop at db", error)
    assert (words in str(found), found.passing, SECRET in str(found)) == (True, passing, False)


def test_what_has_no_words_of_ours_is_the_first_line_of_its_own() -> None:
    """Without the statement and its values."""
    error = OperationalError(f"SELECT '{SECRET}'", {"key": SECRET}, PostgresError("XX000", "it broke\nDETAIL: zebra"))
    assert str(store_failure("x", error)) == "the database x: it broke"
    assert str(store_failure("x", PostgresError("XX000"))) == "the database x: PostgresError"


def test_a_connection_that_is_gone_may_come_back() -> None:
    """A server that was started again."""
    error = OperationalError("x", {}, PostgresError("57P01", "terminating connection"), connection_invalidated=True)
    assert store_failure("x", error).passing
    assert not store_failure("x", OperationalError("x", {}, PostgresError("57P01", "terminating"))).passing


def test_no_connection_free_passes() -> None:
    """Of this process's own."""
    assert failed(NoConnectionFree("pool")).passing


def test_the_file_systems_errors_are_said() -> None:
    """A full disk passes; a folder that is none does not."""
    full = failed(OSError(errno.ENOSPC, "No space left on device"))
    assert (full.why, full.passing) == (DISK_FULL, True)
    other = failed(NotADirectoryError(errno.ENOTDIR, "Not a directory", "/x"))
    assert (other.why, other.passing) == ("Not a directory", False)


def test_a_value_that_no_database_holds_is_the_callers_mistake() -> None:
    """It is no failure of the database."""
    error = StatementError("x", f"INSERT {SECRET}", {"key": SECRET}, UnstorableValue("a number above 2^63"))
    with pytest.raises(WrongSetting, match="a number above") as caught, translate_errors("x"):
        raise error
    assert SECRET not in str(caught.value)


def test_a_row_that_is_there_already_is_for_who_wrote_it() -> None:
    """Only they know what it means."""
    with pytest.raises(IntegrityError), translate_errors("x"):
        raise IntegrityError("x", {}, sqlite3.IntegrityError("UNIQUE"))


def test_a_real_file_that_is_no_database(tmp_path: Path) -> None:
    """As SQLAlchemy and SQLite raise it."""
    (tmp_path / "x.db").write_bytes(b"a letter, and no database at all, but long enough to be looked at" * 20)
    engine = create_engine(f"sqlite:///{tmp_path / 'x.db'}")
    with (
        pytest.raises(StoreFailed, match="not an SQLite database"),
        translate_errors("x.db"),
        engine.connect() as connection,
    ):
        connection.execute(text("SELECT * FROM t"))
    engine.dispose()
