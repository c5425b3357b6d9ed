"""Facts about PostgreSQL behind a real PgBouncer in transaction mode, where each transaction may meet another backend.

What does not survive that (prepared statements, settings and advisory locks of a session, LISTEN, temporary tables) is
not used; each test would see one of them.
"""

from __future__ import annotations

import itertools
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text

from orchestrator.adapters.database import engine as opening
from orchestrator.adapters.database.engine import open_database
from orchestrator.adapters.database.factory import open_stores
from orchestrator.core.errors import StoreFailed
from orchestrator.core.ports.conversations import ConversationTurn
from orchestrator.core.ports.outbox import OutboxItem
from orchestrator.core.ports.stores import Stores
from orchestrator.core.roles import Role
from orchestrator.core.state_scope import DatabaseUser
from tests.conftest import lacking
from tests.databases import Server
from tests.orchestrator.adapters.database.conftest import NOON
from tests.pgbouncer import CONNECTIONS, Pooler, pgbouncer, pgbouncer_program

FOLDER = Path(opening.__file__).parent
OF_A_SESSION = (
    r"\bLISTEN\b",
    r"\bNOTIFY\b",
    r"CREATE TEMP",
    r"pg_(try_)?advisory_lock",
    r"WITH HOLD",
    r"\bSET (?!LOCAL|search)[a-z_]+ =",
)
"""What a session keeps beyond its transaction."""
DATABASES = itertools.count(1)


@pytest.fixture(scope="module")
def pooler(postgresql_server: Server) -> Iterator[Pooler]:
    program = pgbouncer_program()
    if program is None:
        lacking("pgbouncer is not installed")
    assert program is not None
    with pgbouncer(program, postgresql_server) as running:
        yield running


@pytest.fixture
def pooled(pooler: Pooler, postgresql_server: Server) -> Iterator[str]:
    """An empty database, behind the pooler."""
    name = f"pooled{next(DATABASES)}"
    with postgresql_server.database(name):
        yield pooler.url(name)


@pytest.fixture
def pooled_stores(pooled: str) -> Iterator[Stores]:
    ids = itertools.count(1)
    user = DatabaseUser(node="hq", role=Role.HEADQUARTERS)
    opened = open_stores(pooled, now=lambda: NOON, new_id=lambda: f"id-{next(ids)}", user=user)
    yield opened
    opened.close()


def at_once(count: int, act: object) -> None:
    """Runs `act(number)` in threads, all at once; raises what any of them raised."""
    assert callable(act)
    failed: list[BaseException] = []

    def run(number: int) -> None:
        try:
            act(number)
        except BaseException as error:  # told below
            failed.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not failed, failed


def test_the_pooler_is_one_in_transaction_mode(pooler: Pooler) -> None:
    """What this file rests on: a name prepared in one transaction is unknown, or somebody else's, in the next."""
    links = [psycopg.connect(pooler.url("postgres"), prepare_threshold=None) for _ in range(CONNECTIONS * 3)]
    backends = set()
    for link in links * 3:
        with link.transaction():
            row = link.execute("SELECT pg_backend_pid()").fetchone()
            assert row is not None
            backends.add(row[0])
    for link in links:
        link.close()
    assert len(backends) <= CONNECTIONS < len(links)


def test_many_who_share_two_connections(pooled: str, pooled_stores: Stores) -> None:
    """Twelve threads through two backends: no gap, no number twice; a lock by name holds for its transaction."""
    here = pooled_stores.conversations.create("", "", "").id

    def write(number: int) -> None:
        for turn in range(5):
            said = ConversationTurn(role="user", content=f"{number}-{turn}", idempotency_key=f"{number}-{turn}")
            pooled_stores.conversations.append(here, said)
            pooled_stores.marks.put("last", f"{number}-{turn}")

    at_once(12, write)
    kept = pooled_stores.conversations.turns(here)
    assert [turn.seq for turn in kept] == list(range(1, 61))


def test_each_parcel_is_taken_once(pooled_stores: Stores) -> None:
    """SKIP LOCKED belongs to the transaction, and holds behind a pooler."""
    for number in range(20):
        pooled_stores.outgoing.put(OutboxItem(key=f"k{number}", kind="notice", body={}), NOON)
    taken: list[str] = []

    def take(_: int) -> None:
        while found := pooled_stores.outgoing.take(NOON, hold_seconds=60, limit=3):
            taken.extend(item.key for item in found)

    at_once(6, take)
    assert sorted(taken) == sorted(f"k{number}" for number in range(20))


def test_the_schema_is_brought_up_by_one(pooled: str) -> None:
    """Six nodes open an empty database at once through the pooler: the migration's lock is its transaction's."""
    at_once(6, lambda _: open_database(pooled).close())
    database = open_database(pooled)
    with database.reading() as session:
        assert session.scalar(text("SELECT count(*) FROM alembic_version")) == 1
    database.close()


def test_a_lock_has_an_end(pooled: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """How long is waited is said in each transaction: a setting of the session would be somebody else's by then."""
    monkeypatch.setattr(opening, "LOCK_TIMEOUT", "SET LOCAL lock_timeout = 200")
    one, other = open_database(pooled), open_database(pooled)
    try:
        with one.writing() as session:
            one.hold(session, "x")
            with pytest.raises(StoreFailed, match="another process holds it") as caught, other.writing() as second:
                other.hold(second, "x")
        assert caught.value.passing
    finally:
        one.close()
        other.close()


def test_nothing_is_left_at_the_servers_connections(
    pooled: str, pooled_stores: Stores, postgresql_server: Server
) -> None:
    """Whoever gets the connection next finds it as the server makes it: no setting, nothing prepared, no lock."""
    pooled_stores.marks.put("a", "b")
    with psycopg.connect(pooled, autocommit=True, prepare_threshold=None) as link:
        for _ in range(CONNECTIONS * 2):
            assert link.execute("SHOW lock_timeout").fetchone() == ("0",)
            assert link.execute("SELECT count(*) FROM pg_prepared_statements").fetchone() == (0,)
    assert postgresql_server.run("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == [(0,)]


def test_a_copy_of_all_and_back(pooled_stores: Stores, tmp_path: Path) -> None:
    """`backup` and `restore` through the pooler: one moment by a cursor of its transaction, numbers that go on."""
    for number in range(3):
        here = pooled_stores.conversations.create("", "", f"é {number}").id
        pooled_stores.conversations.append(here, ConversationTurn(role="user", content="grüß"))
    rows = pooled_stores.copies.save(tmp_path / "copy.db")
    pooled_stores.conversations.create("", "", "after the backup")
    assert pooled_stores.copies.load(tmp_path / "copy.db") == rows
    assert len(pooled_stores.conversations.listing()) == 3
    pooled_stores.conversations.append(here, ConversationTurn(role="user", content="goes on"))
    assert [turn.content for turn in pooled_stores.conversations.turns(here)] == ["grüß", "goes on"]


def test_nothing_of_a_session_is_used() -> None:
    """What would work at a server and fail behind a pooler is not in the code."""
    for path in FOLDER.rglob("*.py"):
        words = re.sub(r"UPDATE (?:\w+ )?SET ", "UPDATE ", path.read_text(encoding="utf-8"))  # of a row, no setting
        assert not [form for form in OF_A_SESSION if re.search(form, words)], path
