"""Facts about new SQLite files: they are what Alembic's steps would have made, and nobody sees half of one."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from orchestrator.adapters.database.engine import open_database
from orchestrator.adapters.database.plain.new_file import make_new
from orchestrator.adapters.database.plain.schema_version import HEAD_REVISION
from orchestrator.adapters.database.plain.sqlite_file import is_up_to_date

LIKE_NO_OTHER = "generation"
"""The one value that each database has by itself."""


def schema(path: Path) -> set[tuple[str, str, str]]:
    """Kind, name and statement of all that there is, however the statement's lines are broken."""
    with closing(sqlite3.connect(path)) as connection:
        found = connection.execute("SELECT type, name, coalesce(sql, '') FROM sqlite_master").fetchall()
    return {(kind, name, "".join(sql.split())) for kind, name, sql in found}


def rows(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """Of each table that has any."""
    with closing(sqlite3.connect(path)) as connection:
        found = {
            name: connection.execute(f"SELECT * FROM {name}").fetchall()
            for kind, name, _ in schema(path)
            if kind == "table"
        }
    return {name: values for name, values in found.items() if values}


@pytest.fixture
def by_the_steps(tmp_path: Path) -> Path:
    """A file that the steps have filled out of nothing."""
    path = tmp_path / "steps.db"
    path.touch(mode=0o600)
    open_database(f"sqlite:///{path}").close()
    return path


def test_a_new_file_is_what_the_steps_make(tmp_path: Path, by_the_steps: Path) -> None:
    """Each table and index by its very statement. After a new step, `schema.sql` has what this comparison names."""
    assert make_new(tmp_path / "new.db")
    assert schema(tmp_path / "new.db") == schema(by_the_steps)
    assert is_up_to_date(tmp_path / "new.db")


def test_it_begins_with_the_rows_that_the_steps_leave(tmp_path: Path, by_the_steps: Path) -> None:
    """Where it stands, and 16 hex digits that no other database has."""
    paths = [tmp_path / "new.db", tmp_path / "other.db", by_the_steps]
    assert make_new(paths[0])
    assert make_new(paths[1])
    generations = set()
    for path in paths:
        found = rows(path)
        assert found.keys() == {"alembic_version", "store_facts"}
        assert found["alembic_version"] == [(HEAD_REVISION,)]
        ((name, generation),) = found["store_facts"]
        assert name == LIKE_NO_OTHER
        assert len(bytes.fromhex(str(generation))) == 8
        generations.add(generation)
    assert len(generations) == len(paths)


def test_what_is_there_stays(tmp_path: Path) -> None:
    """Whatever it is: another program's file, or an empty one, which the steps fill."""
    path = tmp_path / "a.db"
    path.write_bytes(b"")
    assert not make_new(path)
    assert path.read_bytes() == b""


def test_of_many_at_once_one_makes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them saw that nothing was there; the file is one of theirs, whole, and nothing else is left."""
    path = tmp_path / "home" / "a.db"
    monkeypatch.setattr(Path, "exists", lambda _: False)
    with ThreadPoolExecutor(4) as threads:
        assert sorted(threads.map(lambda _: make_new(path), range(4))) == [False, False, False, True]
    assert is_up_to_date(path)
    assert os.listdir(path.parent) == ["a.db"]  # noqa: PTH208 - these are names
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_without_hard_links_the_steps_make_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a memory card: nothing is left of the try, and the database is opened all the same."""

    def refuse(*_words: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    path = tmp_path / "a.db"
    monkeypatch.setattr(os, "link", refuse)
    assert not make_new(path)
    assert list(tmp_path.iterdir()) == []
    open_database(f"sqlite:///{path}").close()
    assert is_up_to_date(path)
    assert path.stat().st_mode & 0o777 == 0o600


def test_neither_alembic_nor_sqlalchemy_is_loaded(tmp_path: Path) -> None:
    """That is what a node's first start is spared."""
    script = (
        "import sys; from pathlib import Path; from orchestrator.adapters.database.plain.new_file import make_new; "
        "assert make_new(Path(sys.argv[1])); assert not {'alembic', 'sqlalchemy'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "a.db")], check=True)
