"""Facts about the short way into an SQLite file: when it is taken, and that it is as sure as SQLAlchemy's."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import make_url, text

from orchestrator.adapters.database.engine import open_database
from orchestrator.adapters.database.plain import schema_version, sqlite_file
from orchestrator.adapters.database.plain.column_values import name_value
from orchestrator.adapters.database.plain.sqlite_file import KEPT_CONNECTIONS, SqliteFile, file_of, is_up_to_date
from orchestrator.core.errors import StoreFailed, WrongSetting
from orchestrator.core.settings import Settings
from tests.databases import brought_up
from tests.waiting import PATIENCE

SET = "INSERT INTO store_facts (name, value) VALUES (:name, :value)"
COUNT = "SELECT count(*) FROM store_facts WHERE name = 'a'"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file that is up to date, under a name that a URI would read otherwise."""
    place = tmp_path / "a b#c.db"
    brought_up(Settings(home=tmp_path))
    (tmp_path / "shiftbook.db").rename(place)
    return place


@pytest.fixture
def file(path: Path) -> Iterator[SqliteFile]:
    """It, opened."""
    opened = SqliteFile(path=path)
    yield opened
    opened.close()


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:////x/a.db", Path("/x/a.db")),
        ("sqlite:///a.db", Path("a.db")),
        ("sqlite:///", None),
        ("sqlite://", None),
        ("sqlite:///:memory:", None),
        ("sqlite:////x/a.db?timeout=3", None),
        ("sqlite:////x/a%41.db", None),
        ("sqlite+pysqlite:////x/a.db", None),
        ("postgresql://h/d", None),
        ("nonsense", None),
    ],
)
def test_only_a_plain_url_is_a_file(url: str, path: Path | None) -> None:
    """Options, escapes, drivers, servers and databases in memory are SQLAlchemy's; the rest is one place to both."""
    assert file_of(url) == path
    assert path is None or make_url(url).database == str(path)


def test_a_file_that_is_not_as_it_should_be_is_left_to_what_can_tell(path: Path, tmp_path: Path) -> None:
    """None, no database, a damaged one, one of another version, one that does not write ahead; nothing is changed."""
    assert is_up_to_date(path)
    assert not is_up_to_date(tmp_path / "none.db")
    assert not (tmp_path / "none.db").exists()
    assert not is_up_to_date(tmp_path)
    (tmp_path / "letter").write_text("no database\n" * 200)
    assert not is_up_to_date(tmp_path / "letter")
    data = path.read_bytes()
    (tmp_path / "damaged").write_bytes(data[:100] + b"\xff" * (len(data) - 100))
    assert not is_up_to_date(tmp_path / "damaged")
    for statement in (
        "UPDATE alembic_version SET version_num = '0009'",
        "INSERT INTO alembic_version VALUES ('9999')",
        "DROP TABLE alembic_version",
        "PRAGMA journal_mode=DELETE",
    ):
        copy = tmp_path / "copy"
        shutil.copyfile(path, copy)
        with closing(sqlite3.connect(copy, isolation_level=None)) as raw:
            raw.execute(statement)
        before = copy.read_bytes()
        assert not is_up_to_date(copy), statement
        assert copy.read_bytes() == before


def test_settings_are_those_of_sqlalchemys_connections(file: SqliteFile, path: Path) -> None:
    """To the disk itself, waiting for others, with foreign keys, trusting no schema."""
    names = ("journal_mode", "synchronous", "busy_timeout", "foreign_keys", "trusted_schema")
    with file.reading() as sql:
        ours = [sql(f"PRAGMA {name}")[0][0] for name in names]
    assert ours == ["wal", 2, schema_version.BUSY_MS, 1, 0]
    database = open_database(f"sqlite:///{path}")
    with database.engine.connect() as connection:
        assert [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names] == ours
    database.close()


def test_a_transaction_is_whole_or_nothing(file: SqliteFile) -> None:
    """Whatever is raised in it; the next one works."""
    with pytest.raises(KeyError), file.writing() as sql:  # noqa: PT012  # dies in between
        sql(SET, name="a", value="1")
        raise KeyError
    with pytest.raises(StoreFailed), file.writing() as sql:  # noqa: PT012
        sql(SET, name="a", value="1")
        sql(SET, name="a", value="2")
    with file.writing() as sql:
        assert sql(COUNT) == [(0,)]
        sql(SET, name="a", value="1")
    with file.reading() as sql:
        assert sql(COUNT) == [(1,)]


def test_who_reads_sees_one_moment_and_holds_up_nobody(file: SqliteFile) -> None:
    """A reader that began before a writer sees nothing of it until it begins anew."""
    with file.reading() as before:
        assert before(COUNT) == [(0,)]
        with file.writing() as sql:
            sql(SET, name="a", value="1")
        assert before(COUNT) == [(0,)]
    with file.reading() as after:
        assert after(COUNT) == [(1,)]


def test_it_shares_the_file_with_sqlalchemy(file: SqliteFile, path: Path) -> None:
    """Each sees what the other wrote, and waits while the other writes."""
    database = open_database(f"sqlite:///{path}")
    begun, done = threading.Event(), list[str]()

    def write() -> None:
        begun.set()
        with file.writing() as sql:
            done.append(sql("SELECT value FROM store_facts WHERE name = 'a'")[0][0])

    with database.writing() as session:
        session.execute(text("INSERT INTO store_facts (name, value) VALUES ('a', 'theirs')"))  # only now it has begun
        writer = threading.Thread(target=write)
        writer.start()
        assert begun.wait(PATIENCE)
    writer.join(timeout=PATIENCE)
    assert done == ["theirs"]
    database.close()


def test_a_writer_who_never_ends_is_said(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a passing failure, that names the file; values are not said."""
    monkeypatch.setattr(sqlite_file, "PRAGMAS", ("busy_timeout=20",))
    one, other = SqliteFile(path=path), SqliteFile(path=path)
    with one.writing() as sql:
        sql(SET, name="hush", value="hush")
        with pytest.raises(StoreFailed, match="another process holds it") as caught, other.writing():
            pass
    assert caught.value.passing
    with pytest.raises(StoreFailed) as said, one.writing() as sql:
        sql(SET, name="hush", value="again")
    assert "hush" not in str(said.value)
    one.close()
    other.close()


def test_what_no_database_holds_is_the_callers_mistake(file: SqliteFile) -> None:
    """It is no failure of the database."""
    with pytest.raises(WrongSetting, match="at most 100 characters"), file.writing() as sql:
        sql(SET, name=name_value("x" * 101), value="")


def test_a_file_that_went_away_is_said_and_not_made_anew(path: Path) -> None:
    """An empty database in its place would have forgotten everything."""
    file = SqliteFile(path=path)
    path.unlink()
    with pytest.raises(StoreFailed, match="cannot be opened"), file.reading():
        pass
    assert not path.exists()


def test_no_more_connections_stay_open_than_are_used(file: SqliteFile, path: Path) -> None:
    """Eight threads at once open eight; later uses open none, and none stays after closing. The kernel counts.

    SQLite keeps the file of a connection that was closed until the last one of the process is, and takes it again.
    """
    together, held = threading.Barrier(8), list[int]()

    def use() -> None:
        with file.reading() as sql:
            held.append(sql(COUNT)[0][0])
            together.wait(timeout=PATIENCE)

    users = [threading.Thread(target=use) for _ in range(8)]
    for user in users:
        user.start()
    for user in users:
        user.join()
    assert held == [0] * 8
    most = _open_files(path)
    assert KEPT_CONNECTIONS <= most <= 8
    for _ in range(200):
        with file.writing() as sql, file.reading() as other:
            sql("DELETE FROM store_facts")
            other(COUNT)
    assert _open_files(path) <= most
    file.close()
    assert _open_files(path) == 0


def test_what_comes_after_closing_leaves_nothing_open(file: SqliteFile, path: Path) -> None:
    """A thread that ends late still works, and a use that had begun is whole; neither keeps a connection."""
    with file.writing() as sql:
        file.close()
        sql(SET, name="a", value="1")
    assert _open_files(path) == 0
    with file.reading() as sql:
        assert sql(COUNT) == [(1,)]
    assert _open_files(path) == 0


class Raced(list[sqlite3.Connection]):
    """One that seems to hold something to whoever looks, and holds nothing for whoever takes: a thread was between."""

    def __bool__(self) -> bool:
        return True


def test_closing_while_others_take_is_no_failure(path: Path) -> None:
    """Whoever closes goes on all the same."""
    SqliteFile(path=path, _idle=Raced()).close()


def _open_files(path: Path) -> int:
    """How often this process has the database itself open."""
    links = [each for each in Path("/proc/self/fd").iterdir() if each.is_symlink()]
    return sum(str(link.readlink()) == str(path) for link in links)
