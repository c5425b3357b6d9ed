"""Facts about opening a database, and about what is said when one fails."""

from __future__ import annotations

import os
import socket
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import event, text

from orchestrator.adapters.database import engine as opening
from orchestrator.adapters.database.copy import DatabaseCopies
from orchestrator.adapters.database.engine import Database, open_database, read_url
from orchestrator.core.errors import StoreFailed, WrongSetting
from orchestrator.core.ports.conversations import ConversationTurn
from orchestrator.core.ports.stores import Stores
from tests import databases
from tests.databases import PASSWORD, Server
from tests.servers import free_port


def one_line(error: Exception) -> str:
    """What a person reads: one line, without the password."""
    said = str(error)
    assert "\n" not in said
    assert PASSWORD not in said
    return said


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("nonsense", "SHIFTBOOK_DATABASE_URL"),
        ("nosuchdb://x/y", "not nosuchdb"),
        ("mysql+pymysql://x/y", "not mysql"),
        ("postgresql+nodriver://x/y", "nodriver"),
        ("postgresql+psycopg2://x/y", "\\[postgresql\\]"),
        ("sqlite://", "in memory"),
        ("sqlite:///:memory:", "in memory"),
        ("sqlite:////proc/nowhere/a.db", "nowhere"),
        ("sqlite:////dev/null", "database"),
        ("sqlite:////tmp", "database"),
        ("postgresql://u:only-for-tests@nowhere.invalid/x", "nowhere.invalid"),
    ],
)
def test_a_wrong_url(url: str, why: str) -> None:
    """A URL that no database answers to is a wrong setting, named, in one line."""
    with pytest.raises(WrongSetting, match=why) as caught:
        open_database(url)
    assert one_line(caught.value).startswith("SHIFTBOOK_DATABASE_URL: ")
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_every_way_to_write_postgresql(scheme: str) -> None:
    """Hosting companies hand out postgres://; all of it means the one driver."""
    read = read_url(f"{scheme}://u:p@h:1/d?sslmode=require")
    assert (read.drivername, read.host, read.query["sslmode"]) == ("postgresql+psycopg", "h", "require")


def test_a_server_that_does_not_answer() -> None:
    """Nobody listens there: one line with the place, at once."""
    with pytest.raises(WrongSetting, match=r"x at 127\.0\.0\.1:\d+.*refused") as caught:
        open_database(f"postgresql://u:{PASSWORD}@127.0.0.1:{free_port()}/x")
    one_line(caught.value)


def test_a_server_that_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that takes the connection and is silent is given up after a while."""
    monkeypatch.setattr(opening, "CONNECT_SECONDS", 2)  # libpq's least
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with pytest.raises(WrongSetting, match="timeout") as caught:
            open_database(f"postgresql://u:{PASSWORD}@127.0.0.1:{silent.getsockname()[1]}/x")
    one_line(caught.value)


def test_a_server_that_does_not_let_us_in(postgresql_server: Server) -> None:
    """A wrong password and a database that is not there are said in the server's words."""
    with pytest.raises(WrongSetting, match="password authentication failed") as caught:
        open_database(postgresql_server.url("postgres", password=PASSWORD + "x"))
    one_line(caught.value)
    with pytest.raises(WrongSetting, match='database "nowhere" does not exist') as caught:
        open_database(postgresql_server.url("nowhere"))
    one_line(caught.value)


def test_a_server_where_we_may_nothing(postgresql_server: Server) -> None:
    """A user who may make no tables is told what to ask for."""
    with postgresql_server.database("forbidden") as url:
        postgresql_server.run(
            "CREATE USER guest PASSWORD 'guest'", "REVOKE ALL ON SCHEMA public FROM public", database="forbidden"
        )
        with pytest.raises(WrongSetting, match="grant it ALL") as caught:
            open_database(url.replace(f"{databases.USER}:{PASSWORD}", "guest:guest"))
        one_line(caught.value)
        postgresql_server.run("DROP USER guest")


def test_over_a_socket(postgresql_server: Server) -> None:
    """A URL without a host reaches the server by its socket."""
    with postgresql_server.database("socket"):
        opened = open_database(postgresql_server.socket_url("socket"))
        assert opened.place == f"socket at {postgresql_server.sockets}"
        opened.close()


def test_nothing_is_prepared_at_the_server(postgresql_server: Server) -> None:
    """However often a statement comes: a pooler gives the next transaction to another server process."""
    with postgresql_server.database("pooled") as url:
        opened = open_database(url)
        with opened.engine.begin() as connection:
            prepared = [connection.scalar(text("SELECT count(*) FROM pg_prepared_statements")) for _ in range(8)]
        opened.close()
    assert prepared == [0] * 8


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    """It is named and left as it is."""
    path = tmp_path / "a.db"
    path.write_text("not a database\n" * 100)
    with pytest.raises(WrongSetting, match=r"a\.db: it is not an SQLite database"):
        open_database(f"sqlite:///{path}")
    assert path.read_text() == "not a database\n" * 100


def test_a_damaged_database(tmp_path: Path) -> None:
    """It is named, with the way back."""
    path = tmp_path / "a.db"
    opened = open_database(f"sqlite:///{path}")
    opened.close()
    content = path.read_bytes()
    path.write_bytes(content[:100] + b"\xff" * (len(content) - 100))
    with pytest.raises(WrongSetting, match=r"a\.db: it is damaged: `shiftbook restore FILE`"):
        open_database(f"sqlite:///{path}")


def test_the_file_is_for_nobody_else(tmp_path: Path) -> None:
    """Digests of tokens and what was said lie in it: mode 600, with the files beside it, whatever the umask."""
    before = os.umask(0)
    try:
        opened = open_database(f"sqlite:///{tmp_path}/home/a.db")
        with opened.writing() as session:
            session.execute(text("DELETE FROM tokens"))
        found = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "home").iterdir()}
        opened.close()
    finally:
        os.umask(before)
    assert found == {"a.db": 0o600, "a.db-wal": 0o600, "a.db-shm": 0o600}
    assert (tmp_path / "home").stat().st_mode & 0o777 == 0o700


def test_settings_of_sqlite(tmp_path: Path) -> None:
    """SQLite writes ahead, to the disk itself, waits for other writers and holds foreign keys."""
    opened = open_database(f"sqlite:///{tmp_path}/a.db")
    with opened.engine.connect() as connection:
        names = ("journal_mode", "synchronous", "busy_timeout", "foreign_keys", "trusted_schema")
        found = [connection.execute(text(f"PRAGMA {name}")).scalar() for name in names]
    opened.close()
    assert found == ["wal", 2, 30_000, 1, 0]


def test_a_full_disk(stores: Stores, database: Database, backend: str) -> None:
    """It is said in words; what was there stays, and when there is room again everything goes on."""
    here = stores.conversations.create("", "", "").id
    stores.conversations.append(here, ConversationTurn(role="user", content="kept"))
    if backend == "postgresql":
        with pytest.raises(StoreFailed, match="the disk is full") as caught, database.writing() as session:
            session.execute(text("DO $$ BEGIN RAISE EXCEPTION 'no space' USING ERRCODE = 'disk_full'; END $$"))
        assert caught.value.passing
        return
    with database.engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
    roof = {"pages": pages}

    def limit(dbapi: sqlite3.Connection, *_: object) -> None:
        dbapi.execute(f"PRAGMA max_page_count={roof['pages']}")

    engine = stores.conversations.database.engine  # type: ignore[attr-defined]
    event.listen(engine, "checkout", limit)
    with pytest.raises(StoreFailed, match=r"shiftbook\.db: the disk is full: free some space") as caught:
        stores.conversations.append(here, ConversationTurn(role="user", content="x" * 1_000_000))
    assert caught.value.passing
    assert one_line(caught.value)
    assert caught.value.exit_code == 1
    roof["pages"] = 1_000_000
    assert stores.conversations.append(here, ConversationTurn(role="user", content="x" * 1_000_000)).seq == 2


def test_a_writer_who_never_ends(url: str, backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Others are told that it is held, after waiting, never that it is locked."""
    monkeypatch.setattr(opening, "PRAGMAS", ("busy_timeout=50",))
    monkeypatch.setattr(opening, "LOCK_TIMEOUT", "SET LOCAL lock_timeout = 50")
    one, other = open_database(url), open_database(url)
    with one.writing() as session:
        one.hold(session, "x")
        session.execute(text("DELETE FROM tokens"))
        with pytest.raises(StoreFailed, match="another process holds it") as caught, other.writing() as second:
            other.hold(second, "x")
    assert caught.value.passing
    with other.writing() as second:
        other.hold(second, "x")
    one.close()
    other.close()


def test_one_that_was_closed_is_not_opened_again(url: str, tmp_path: Path) -> None:
    """Its pool would be nobody's to close; a use that goes on ends as it would have."""
    opened = open_database(url)
    with opened.reading() as session:
        opened.close()
        assert session.scalar(text("SELECT 1")) == 1
    copies = DatabaseCopies(database=opened)
    uses: list[Callable[[], object]] = [
        lambda: opened.reading().__enter__(),
        lambda: opened.writing().__enter__(),
        lambda: copies.save(tmp_path / "copy.db"),
        copies.empty,
    ]
    for use in uses:
        with pytest.raises(StoreFailed, match="it was closed") as caught:
            use()
        assert not caught.value.passing
    opened.close()


def test_a_server_that_was_restarted(postgresql_server: Server) -> None:
    """Connections that died are replaced without anybody noticing; one that dies at work is a passing failure."""
    with postgresql_server.database("restarted") as url:
        opened = open_database(url)
        kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'restarted'"
        with opened.reading() as session:
            session.execute(text("SELECT 1"))
        postgresql_server.run(kill)
        with opened.reading() as session:
            assert session.scalar(text("SELECT 1")) == 1
        with pytest.raises(StoreFailed) as caught, opened.writing() as session:  # noqa: PT012  # dies in between
            session.execute(text("SELECT 1"))
            postgresql_server.run(kill)
            session.execute(text("SELECT 1"))
        assert caught.value.passing
        one_line(caught.value)
        opened.close()


def test_an_error_holds_no_values(database: Database) -> None:
    """What a statement was given may be secret: the line about its failure does not have it."""
    with pytest.raises(StoreFailed) as caught, database.writing() as session:
        session.execute(text("SELECT :secret FROM nowhere"), {"secret": "hush-hush"})
    assert "hush" not in one_line(caught.value)
