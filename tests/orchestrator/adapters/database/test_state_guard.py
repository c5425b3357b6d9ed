"""Facts about a worker before the fleet's state, on both databases."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import delete, select, update

from orchestrator.adapters.database import engine as engine_module
from orchestrator.adapters.database.engine import Database, open_database
from orchestrator.adapters.database.factory import open_stores
from orchestrator.adapters.database.registrations import RegistrationRow
from orchestrator.adapters.database.schema import DEFINITIONS
from orchestrator.adapters.database.signals import SignalRow
from orchestrator.adapters.database.state_guard import guard
from orchestrator.core.errors import GlobalStateRefused
from orchestrator.core.ports.conversations import ConversationTurn
from orchestrator.core.ports.stores import Stores
from orchestrator.core.ports.suppliers.signals import Signal
from orchestrator.core.roles import Role
from orchestrator.core.state_scope import TABLE_SCOPES, DatabaseUser, StateScope
from tests.orchestrator.adapters.database.conftest import NOON

HQ = DatabaseUser(node="hq", role=Role.HEADQUARTERS)
WORKER = DatabaseUser(node="desk", role=Role.LOCAL_WORKER)
SIGNAL = Signal(
    key="k", event_key="e", supplier="market", event_id="1", source="s", type="t", received=NOON, verdict="", why=""
)


def opened(url: str, user: DatabaseUser | None) -> Stores:
    """The stores of a node."""
    ids = itertools.count(1)
    return open_stores(url, now=lambda: NOON, new_id=lambda: f"id-{next(ids)}", node="x", user=user)


def test_the_boundary_knows_every_table() -> None:
    """A table that comes with a migration has to be somebody's."""
    assert set(TABLE_SCOPES) == {table.name for table in DEFINITIONS}


@pytest.mark.parametrize(
    "write",
    [
        lambda stores: stores.registrations.put("desk", 1, "{}", NOON),
        lambda stores: stores.signals.begin(SIGNAL),
        lambda stores: stores.signals.settle("k", "filed", ""),
    ],
    ids=["registrations", "begin", "settle"],
)
def test_a_worker_writes_nothing_global(url: str, write: Callable[[Stores], object]) -> None:
    """Whatever store it goes through; what was in the same transaction is not done either, and its own goes on."""
    stores = opened(url, WORKER)
    try:
        with pytest.raises(GlobalStateRefused, match="is headquarters' to write, and desk is a LOCAL_WORKER"):
            write(stores)
        assert (stores.registrations.every(), stores.signals.listing()) == ((), ())
        chat = stores.conversations.create("", "", "").id
        stores.conversations.append(chat, ConversationTurn(role="user", content="mine"))
        stores.marks.put("read", "1")
        assert stores.marks.get("read") == "1"
    finally:
        stores.close()


def test_no_form_of_statement_goes_around(url: str) -> None:
    """Rows of the ORM, bulk statements and the database's own INSERT … ON CONFLICT are judged alike."""
    database = open_database(url)
    try:
        guard(database, WORKER)
        row = {"node": "n", "number": 1, "report": "", "first": NOON, "received": NOON}
        tries: list[Callable[[Database], object]] = [
            lambda it: _run(it, lambda session: session.add(RegistrationRow(**row))),
            lambda it: _run(it, lambda session: session.execute(delete(RegistrationRow))),
            lambda it: _run(it, lambda session: session.execute(update(SignalRow).values(why="x"))),
            lambda it: _run(it, lambda session: it.insert_new(session, RegistrationRow, **row)),
        ]
        for attempt in tries:
            with pytest.raises(GlobalStateRefused):
                attempt(database)
        with database.reading() as session:
            assert session.scalars(select(RegistrationRow)).all() == []
    finally:
        database.close()


def _run(database: Database, act: Callable[..., object]) -> None:
    with database.writing() as session:
        act(session)


def test_headquarters_writes_and_a_node_of_its_own_too(url: str) -> None:
    """What the boundary does not forbid works as before."""
    for user in (HQ, DatabaseUser(node="hq", role=Role.STANDALONE_NODE)):
        stores = opened(url, user)
        stores.signals.begin(SIGNAL)
        stores.close()
    assert len(_signals(url)) == 1


def _signals(url: str) -> tuple[Signal, ...]:
    stores = opened(url, HQ)
    try:
        return stores.signals.listing()
    finally:
        stores.close()


def test_headquarters_database_is_nobody_elses(url: str) -> None:
    """A worker that was given headquarters' URL is refused before it writes a mark among headquarters' own."""
    hq = opened(url, HQ)
    hq.marks.put("read", "hq's")
    with pytest.raises(GlobalStateRefused, match=r"is headquarters' \(hq\), and desk keeps a database of its own"):
        opened(url, WORKER)
    assert hq.marks.get("read") == "hq's"
    hq.close()
    own_machine = opened(url, DatabaseUser(node="hq", role=Role.LOCAL_WORKER))  # a command there that says no role
    assert own_machine.marks.get("read") == "hq's"
    own_machine.close()
    moved = opened(url, DatabaseUser(node="vps", role=Role.HEADQUARTERS))
    moved.close()
    with pytest.raises(GlobalStateRefused, match=r"\(vps\)"):
        opened(url, DatabaseUser(node="hq", role=Role.LOCAL_WORKER))


def test_a_backup_of_a_worker_is_no_headquarters(url: str, new_url: Callable[[], str], tmp_path: Path) -> None:
    """Whose a database is comes with its rows: headquarters' copy put in elsewhere is headquarters' still."""
    hq = opened(url, HQ)
    hq.registrations.put("desk", 1, "{}", NOON)
    hq.copies.save(tmp_path / "copy.db")
    hq.close()
    other = new_url()
    restored = opened(other, HQ)
    restored.copies.load(tmp_path / "copy.db")
    assert [each.node for each in restored.registrations.every()] == ["desk"]
    restored.close()
    with pytest.raises(GlobalStateRefused):
        opened(other, WORKER)


def test_no_store_writes_global_state_by_text() -> None:
    """Beside copies of the whole database, and what is judged as text (`plain`), such are of local tables alone."""
    found = set()
    for path in Path(engine_module.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                words = node.value.split()
                if node.value.lstrip().startswith(("INSERT INTO", "DELETE FROM", "UPDATE ")):
                    table = (words[1] if words[0] == "UPDATE" else words[2]).strip('"')
                    found.add((path.name, TABLE_SCOPES.get(table)))
    assert {name for name, _ in found} >= {"operations.py"}
    assert found - {("copy.py", None)} == {(name, StateScope.LOCAL) for name, _ in found if name != "copy.py"}


def test_moments(url: str) -> None:
    """What headquarters noted comes back as it was: its own clock's moment."""
    stores = opened(url, HQ)
    noted = stores.registrations.put("desk", 1, "{}", NOON)
    assert isinstance(noted.received, datetime)
    assert stores.registrations.every() == (noted,)
    stores.close()
