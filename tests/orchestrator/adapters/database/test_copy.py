"""Facts about a whole database as one file, from and to either database."""

from __future__ import annotations

import itertools
import os
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from mobile_bridge.operations import read_operations
from sqlalchemy import text

from orchestrator.adapters.database.engine import Database
from orchestrator.adapters.database.factory import open_stores
from orchestrator.adapters.database.schema import DEFINITIONS
from orchestrator.core.errors import WrongSetting
from orchestrator.core.ports.conversations import ConversationTurn, ToolCall
from orchestrator.core.ports.model import Usage
from orchestrator.core.ports.outbox import OutboxItem
from orchestrator.core.ports.paired_devices import PairedDevice, Pairing, PairingState
from orchestrator.core.ports.push import PushSubscription
from orchestrator.core.ports.stores import Stores
from orchestrator.core.ports.suppliers.signals import Signal
from orchestrator.core.ports.usage import UsageOwner
from tests.databases import Server
from tests.orchestrator.adapters.database.conftest import LATER, NOON, Clock, operation
from tests.waiting import PATIENCE

IDS = itertools.count(1)


def opened(url: str) -> Stores:
    """The stores of another database."""
    return open_stores(url, now=Clock(), new_id=lambda: f"new-{next(IDS)}")


def fill(stores: Stores) -> str:
    """Something in every table; returns a conversation."""
    here = stores.conversations.create("shop", "phone", "odd \0 \ud800 title").id
    stores.conversations.append(here, ConversationTurn(role="user", content="hé\0llo", idempotency_key="k"))
    stores.tool_calls.begin(ToolCall(conversation_id=here, name="read", arguments={"a": [1.5, None]}))
    stores.tokens.add("laptop", "digest", ["chat"], expires=NOON + timedelta(days=1))
    stores.devices.put_state("phone", {"n": 1}, NOON)
    stores.sync_ops.push([operation("phone", n) for n in (1, 2, 3)], now=LATER)
    stores.outgoing.put(OutboxItem(key="k", kind="mail", body={}), NOON)
    stores.push.put(PushSubscription(device="d", endpoint="https://p", p256dh="p", auth="a", server_key="k"), NOON)
    stores.signals.begin(
        Signal(key="k", event_key="e", supplier="s", event_id="1", source="x", type="t", received=NOON)
    )
    stores.registrations.put("desk", 7, '{"node": "desk"}', NOON)
    facts = {"scopes": frozenset({"look"}), "created": NOON}
    pairing = Pairing(id="p", fleet="f", key="k", expires=NOON, state=PairingState.WAITING, **facts)
    stores.pairings.add(pairing)
    assert stores.pairings.confirm("p", PairedDevice(id="d", name="phone", public_key="key", **facts))
    run = UsageOwner(node="desk", mission="fix", epoch=1, attempt=1, agent="a")
    stores.usage.record(run, Usage(seconds=0.1 + 0.2), when=NOON)
    return here


def everything(stores: Stores) -> dict[str, list[tuple[object, ...]]]:
    """All rows of all tables, as stored."""
    database: Database = stores.copies.database  # type: ignore[attr-defined]
    with database.reading() as session:
        return {
            table.name: sorted(tuple(row) for row in session.execute(text(f'SELECT * FROM "{table.name}"')))
            for table in DEFINITIONS
            if table.name != "store_facts"
        }


@pytest.fixture(params=["sqlite", "postgresql"])
def other(request: pytest.FixtureRequest, tmp_path: Path) -> object:
    """An empty database to load into, of either kind."""
    if request.param == "sqlite":
        stores = opened(f"sqlite:///{tmp_path}/other/shiftbook.db")
        request.addfinalizer(stores.close)
        return stores
    server: Server = request.getfixturevalue("postgresql_server")
    context = server.database(f"other{next(IDS)}")
    stores = opened(context.__enter__())
    request.addfinalizer(lambda: (stores.close(), context.__exit__(None, None, None)))  # noqa: PT021
    return stores


def test_all_of_it_comes_back(stores: Stores, other: Stores, tmp_path: Path) -> None:
    """Every row of every table, from each database into each; what was there before is gone; work goes on."""
    here = fill(stores)
    before = everything(stores)
    assert all(before.values())
    rows = stores.copies.save(tmp_path / "copy.db")
    assert other.copies.empty()
    other.tokens.add("stranger", "stray", ["ops"])
    assert not other.copies.empty()
    assert other.copies.load(tmp_path / "copy.db") == rows
    assert everything(other) == before
    assert other.conversations.append(here, ConversationTurn(role="user", content="next")).seq == 2
    other.tool_calls.begin(ToolCall(conversation_id=here, name="read", arguments={}))
    assert other.sync_ops.push([operation("phone", 4)], now=LATER).accepted == 1
    assert other.tokens.revoke("laptop")
    other.tokens.add("laptop", "digest 2", ["chat"])


def test_devices_begin_anew_after_a_restore(stores: Stores, other: Stores, tmp_path: Path) -> None:
    """A cursor of before does not skip what is numbered anew."""
    fill(stores)
    stores.copies.save(tmp_path / "copy.db")
    stores.sync_ops.push([operation("phone", 4, value="lost")], now=LATER)
    cursor = stores.sync_ops.pull().cursor
    other.copies.load(tmp_path / "copy.db")
    other.sync_ops.push([operation("phone", 4, value="fresh")], now=LATER)
    assert "fresh" in [each.value for each in read_operations(other.sync_ops.pull(cursor).texts)]


def test_a_copy_is_one_moment(stores: Stores, tmp_path: Path) -> None:
    """While four threads write, a conversation in the copy has exactly the turns that its count says."""
    here = stores.conversations.create("", "", "").id
    begun, done = threading.Event(), threading.Event()

    def write() -> None:
        while not done.is_set():
            stores.conversations.append(here, ConversationTurn(role="user", content="x" * 500))
            begun.set()

    writers = [threading.Thread(target=write) for _ in range(4)]
    for writer in writers:
        writer.start()
    counts = []
    try:
        assert begun.wait(PATIENCE)
        for n in range(5):
            stores.copies.save(tmp_path / f"{n}.db")
    finally:
        done.set()
        for writer in writers:
            writer.join()
    for n in range(5):
        with closing(sqlite3.connect(tmp_path / f"{n}.db")) as copy:
            (said,) = copy.execute("SELECT turns FROM conversations").fetchone()
            (there,) = copy.execute("SELECT count(*) FROM messages").fetchone()
        assert said == there
        counts.append(there)
    assert counts == sorted(counts)
    assert counts[-1] > 0


def test_a_copy_is_one_file_for_nobody_else(stores: Stores, tmp_path: Path) -> None:
    """Mode 600 whatever the umask, nothing beside it, and never over another file."""
    before = os.umask(0)
    try:
        (tmp_path / "copies").mkdir()
        stores.copies.save(tmp_path / "copies" / "a.db")
    finally:
        os.umask(before)
    assert {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "copies").iterdir()} == {"a.db": 0o600}
    with pytest.raises(FileExistsError):
        stores.copies.save(tmp_path / "copies" / "a.db")


BAD: dict[str, Callable[[Path], object]] = {
    "no copy": lambda path: path.write_text("SELECT 1"),
    "did not make": lambda path: sqlite3.connect(path).executescript("CREATE TABLE t (a); VACUUM"),
    "damaged": lambda path: path.write_bytes(path.read_bytes()[:9000] + b"\xff" * 9000),
    "newer shiftbook": lambda path: sqlite3.connect(path).executescript("UPDATE alembic_version SET version_num = 'z'"),
}


@pytest.mark.parametrize("what", BAD)
def test_what_is_no_copy_changes_nothing(stores: Stores, tmp_path: Path, what: str) -> None:
    """A file that is none, is broken or is too new is refused by its name; every row stays."""
    fill(stores)
    path = tmp_path / "copy.db"
    if what != "did not make":
        stores.copies.save(path)
    BAD[what](path)
    before = everything(stores)
    with pytest.raises(WrongSetting, match=rf"copy\.db: .*{what}") as caught:
        stores.copies.load(path)
    assert "SHIFTBOOK_DATABASE_URL" not in str(caught.value)
    assert everything(stores) == before


def test_only_rows_come_back(stores: Stores, tmp_path: Path) -> None:
    """A copy that somebody gave triggers, views and tables of their own brings none of them."""
    fill(stores)
    path = tmp_path / "copy.db"
    stores.copies.save(path)
    with closing(sqlite3.connect(path)) as copy:
        copy.executescript(
            "CREATE TABLE extra (a);"
            "CREATE TRIGGER t AFTER INSERT ON tokens BEGIN DELETE FROM messages; END;"
            "CREATE VIEW v AS SELECT * FROM tokens;"
        )
    stores.copies.load(path)
    database: Database = stores.copies.database  # type: ignore[attr-defined]
    from sqlalchemy import inspect

    assert set(inspect(database.engine).get_table_names()) == {table.name for table in DEFINITIONS} | {
        "alembic_version"
    }
    assert inspect(database.engine).get_view_names() == []
    stores.tokens.add("other", "d9", ["chat"])
    assert len(stores.conversations.turns(stores.conversations.listing()[0].id)) == 1


@pytest.mark.parametrize("harm", ["DELETE FROM conversations", "DROP TABLE outbox"])
def test_a_row_that_does_not_fit_changes_nothing(stores: Stores, tmp_path: Path, harm: str) -> None:
    """A copy whose rows break our rules (a message of no conversation), or that lacks some, is refused whole."""
    fill(stores)
    path = tmp_path / "copy.db"
    stores.copies.save(path)
    with closing(sqlite3.connect(path)) as copy:
        copy.executescript(harm)
    before = everything(stores)
    with pytest.raises(WrongSetting, match="rows do not fit"):
        stores.copies.load(path)
    assert everything(stores) == before
