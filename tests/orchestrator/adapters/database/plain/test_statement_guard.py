"""Facts about a worker that would write the fleet's state in plain SQL, on both databases."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orchestrator.adapters.database.engine import open_database
from orchestrator.adapters.database.engine_statements import EngineTransactions
from orchestrator.adapters.database.plain import statement_guard, tokens
from orchestrator.adapters.database.plain.outgoing import SqlCursors
from orchestrator.adapters.database.plain.registrations import SqlRegistrations
from orchestrator.adapters.database.plain.sqlite_file import SqliteFile, file_of
from orchestrator.adapters.database.plain.statement_guard import READS, WRITES, GuardedTransactions
from orchestrator.adapters.database.plain.statements import Transactions
from orchestrator.core.errors import GlobalStateRefused
from orchestrator.core.roles import Role
from orchestrator.core.state_scope import TABLE_SCOPES, DatabaseUser
from tests.orchestrator.adapters.database.conftest import NOON, Clock

WORKER = DatabaseUser(node="desk", role=Role.LOCAL_WORKER)


@pytest.fixture
def plain(url: str) -> Iterator[Transactions]:
    """The database as its factory opens it for plain SQL, for nobody in particular."""
    database = open_database(url)
    path = file_of(url)
    file = SqliteFile(path=path) if path else None
    yield file or EngineTransactions(database=database)
    if file is not None:
        file.close()
    database.close()


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM node_registrations WHERE node = 'x'",
        'delete\n from  "NODE_REGISTRATIONS" ',
        "UPDATE signals SET why = ''",
        "\n  Insert Into node_registrations (node) VALUES ('x') ON CONFLICT DO NOTHING",
    ],
)
def test_no_spelling_goes_around(plain: Transactions, statement: str) -> None:
    """However it is written, it is refused before the database sees it, and the transaction with it."""
    worker = GuardedTransactions(inner=plain, user=WORKER)
    marks = SqlCursors(database=worker)
    for transaction in (worker.writing, worker.reading):
        with (
            pytest.raises(GlobalStateRefused, match="is headquarters' to write, and desk is a LOCAL_WORKER"),
            transaction() as sql,
        ):
            sql(statement)
    marks.put("read", "1")
    assert marks.get("read") == "1"


@pytest.mark.parametrize(
    "statement",
    ["WITH x AS (SELECT 1) DELETE FROM signals", "DROP TABLE signals", "REPLACE INTO signals", "/* */ UPDATE"],
)
def test_what_is_not_plain_is_not_run(plain: Transactions, statement: str) -> None:
    """A worker's statement that does not say with its first words what it writes."""
    worker = GuardedTransactions(inner=plain, user=WORKER)
    with pytest.raises(GlobalStateRefused, match="not plain what it writes"), worker.writing() as sql:
        sql(statement)


def test_headquarters_reports_are_refused_to_a_worker_and_readable(plain: Transactions) -> None:
    """The store that both use."""
    SqlRegistrations(database=plain).put("desk", 1, "{}", NOON)
    mine = SqlRegistrations(database=GuardedTransactions(inner=plain, user=WORKER))
    with pytest.raises(GlobalStateRefused):
        mine.put("desk", 2, "{}", NOON)
    assert [(one.node, one.number) for one in mine.every()] == [("desk", 1)]


def test_a_worker_keeps_its_own_tokens(plain: Transactions) -> None:
    """They are the keys of its own door; holding a word and the database's facts come through the guard."""
    worker = GuardedTransactions(inner=plain, user=WORKER)
    assert (worker.place, worker.row_lock) == (plain.place, plain.row_lock)
    mine = tokens.SqlTokens(database=worker, now=Clock())
    mine.add("phone", "d", ["chat"])
    assert mine.revoke("phone")
    with worker.writing() as sql:
        sql.hold("anything")


def test_every_statement_of_ours_says_what_it_does() -> None:
    """Each SQL text of `plain` is one that the guard can judge, about a table that is somebody's."""
    folder = Path(statement_guard.__file__).parent
    found = [text for path in folder.glob("*.py") for text in _statements(path)]
    assert len(found) > 20
    for text in found:
        written = WRITES.match(text)
        assert READS.match(text) or (written and written[1] in TABLE_SCOPES), text


def _statements(path: Path) -> Iterator[str]:
    """What a module's constants in capitals say, if it is SQL; what is put in by format stands as it is written."""
    is_sql: Callable[[str], bool] = lambda text: text.split(" ")[0].strip().isupper() and " " in text  # noqa: E731
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign):
            value = node.value
            parts = value.values if isinstance(value, ast.JoinedStr) else [value]
            first = parts[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str) and is_sql(first.value):
                yield first.value
