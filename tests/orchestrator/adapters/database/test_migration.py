"""Facts about how a database comes to the schema of this program."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from mobile_bridge.operations import checked_texts, read_operations
from sqlalchemy import create_engine, inspect, text

from orchestrator.adapters.database import migration
from orchestrator.adapters.database.engine import WRITES_OPTION, Database, open_database, read_url
from orchestrator.adapters.database.factory import open_stores
from orchestrator.adapters.database.plain.schema_version import HEAD_REVISION
from orchestrator.adapters.database.schema import METADATA
from orchestrator.core.errors import WrongSetting
from orchestrator.core.ports.model import Usage
from orchestrator.core.ports.usage import UsageOwner
from orchestrator.core.sqlite_url import sqlite_file
from tests.orchestrator.adapters.database.conftest import NOON, Clock
from tests.program import run_script

FIRST_TABLE = """
CREATE TABLE usage (
    id {number} NOT NULL, "when" VARCHAR(32) NOT NULL, node VARCHAR(100) NOT NULL, mission VARCHAR(100) NOT NULL,
    project VARCHAR(100) NOT NULL, attempt INTEGER NOT NULL, epoch INTEGER NOT NULL, agent VARCHAR(40) NOT NULL,
    model VARCHAR(200) NOT NULL, backend VARCHAR(40) NOT NULL, tokens_in INTEGER NOT NULL, tokens_out INTEGER NOT NULL,
    tokens_cached INTEGER NOT NULL, first_token_seconds {real}, seconds {real} NOT NULL, cost_usd {real},
    PRIMARY KEY (id), UNIQUE (mission, epoch, node)
);
CREATE INDEX ix_usage_when ON usage ("when");
CREATE INDEX ix_usage_project ON usage (project);
INSERT INTO usage ("when", node, mission, project, attempt, epoch, agent, model, backend, tokens_in, tokens_out,
    tokens_cached, seconds, cost_usd)
VALUES ('2026-11-21T12:00:00.000000Z', 'desk', 'fix', 'shop', 1, 1, 'builtin', 'm', 'b', 10, 5, 2, 1.5, 0.25);
"""
"""What the version before there were steps made (SQLAlchemy's create_all), with one run noted."""


@pytest.fixture
def template_of() -> str:
    """Databases begin with nothing: their tables are made here."""
    return "template1"


def of_the_first_version(url: str, backend: str) -> None:
    """Makes a database as the first version left it behind."""
    types = {"number": "INTEGER", "real": "DOUBLE"}
    if backend == "postgresql":
        types = {"number": "SERIAL", "real": "DOUBLE PRECISION"}
    parsed = read_url(url)
    if backend == "sqlite":
        from pathlib import Path

        Path(str(parsed.database)).parent.mkdir(parents=True)
    engine = create_engine(parsed)
    with engine.begin() as connection:
        for statement in FIRST_TABLE.format(**types).split(";\n"):
            if statement.strip():
                connection.exec_driver_sql(statement)
    engine.dispose()


def at_step(url: str, step: str, monkeypatch: pytest.MonkeyPatch) -> Database:
    """A database as the version before the next step made it: by the steps, out of nothing."""
    path = sqlite_file(url)
    if path is not None:
        path.parent.mkdir(parents=True)
        path.touch()
    configuration = migration.configuration
    with monkeypatch.context() as older:
        older.setattr(migration, "bring_up", lambda connection, _: command.upgrade(configuration(connection), step))
        return open_database(url)


def revision(database: Database) -> list[str]:
    """Where a database stands."""
    with database.engine.connect() as connection:
        return [*connection.scalars(text("SELECT version_num FROM alembic_version"))]


def differences(database: Database) -> list[object]:
    """What Alembic would change to make the database as the models are."""
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        return [*compare_metadata(context, METADATA)]


def test_a_new_database_is_what_the_models_say(database: Database) -> None:
    """An SQLite file that is made at once, and a PostgreSQL database that the steps make out of nothing."""
    assert differences(database) == []
    assert revision(database) == [HEAD_REVISION]


def test_a_difference_would_be_seen(database: Database) -> None:
    """The comparison that the fact above rests on does find a column too many and an index too few."""
    with database.writing() as session:
        session.execute(text("ALTER TABLE tokens ADD COLUMN stray VARCHAR(5)"))
        session.execute(text("DROP INDEX ix_usage_when"))
    assert len(differences(database)) == 2


def test_the_newest_step_is_known_without_alembic() -> None:
    """HEAD and FIRST are the ends of the one line of steps."""
    script = ScriptDirectory(str(migration.FOLDER))
    assert script.get_heads() == [HEAD_REVISION]
    assert script.get_bases() == [migration.FIRST_REVISION]


def test_a_database_of_the_first_version_is_taken_on(url: str, backend: str, clock: Clock) -> None:
    """Its rows stay, the rest is added, and a run that was noted then is still the same run."""
    of_the_first_version(url, backend)
    stores = open_stores(url, now=clock, new_id=str)
    fix = stores.usage.by_mission(since=NOON - timedelta(seconds=1))["fix"]
    assert (fix.runs, fix.tokens_in, fix.cost_usd) == (1, 10, 0.25)
    again = UsageOwner(node="desk", mission="fix", epoch=1, attempt=1, agent="builtin")
    assert not stores.usage.record(again, Usage(), when=NOON)
    assert stores.usage.record(UsageOwner(node="vps", mission="fix", epoch=1, attempt=1, agent="a"), Usage(), when=NOON)
    stores.conversations.create("", "", "")
    stores.close()
    database = open_database(url)
    assert differences(database) == []
    assert revision(database) == [HEAD_REVISION]
    database.close()


STEPS = [script.revision for script in reversed([*ScriptDirectory(str(migration.FOLDER)).walk_revisions()])]


@pytest.mark.parametrize("step", STEPS)
def test_every_step_goes_on_to_the_newest(url: str, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that an older version left at any step is brought up when it is opened."""
    before = at_step(url, step, monkeypatch)
    assert revision(before) == [step]
    before.close()
    database = open_database(url)
    assert revision(database) == [HEAD_REVISION]
    assert differences(database) == []
    database.close()


def test_operations_of_an_older_version_are_kept(url: str, monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    """Each becomes an operation that can be read and passed on, however it was written; none is lost."""
    before = at_step(url, "0005", monkeypatch)
    add = text("INSERT INTO sync_ops (op_id, device, hlc, kind, body) VALUES (:id, :device, 'odd', 'note', :body)")
    long = json.dumps({"text": "x" * 450_000, "share": 0.5})
    with before.writing() as session:
        for number, (device, body) in enumerate([("phone", "{}"), ("desk", "{}"), ("phone", long)]):
            session.execute(add, {"id": f"o{number}", "device": device, "body": body})
    before.close()
    stores = open_stores(url, now=clock, new_id=str)
    found = read_operations(stores.sync_ops.pull(limit=1000).texts)
    stores.close()
    checked_texts(found)
    assert [(op.device, op.seq) for op in found] == [
        ("phone~old", 1),
        ("desk~old", 1),
        *(("phone~old", n) for n in (2, 3, 4)),
    ]
    assert json.loads("".join(op.value for op in found[2:]))["body"] == long


def test_a_newer_schema_is_left_alone(url: str) -> None:
    """A program that is older than its database says so and changes nothing."""
    database = open_database(url)
    with database.writing() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(WrongSetting, match=r"SHIFTBOOK_DATABASE_URL: .*newer shiftbook.*9999.*update shiftbook"):
        open_database(url)
    assert revision(database) == ["9999"]
    database.close()


def test_a_step_that_fails_leaves_nothing_behind(url: str, backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """All steps are one transaction: the first version's table is as it was."""
    of_the_first_version(url, backend)
    upgrade = command.upgrade

    def fail(config: object, to: str) -> None:
        upgrade(config, to)  # type: ignore[arg-type]
        raise ZeroDivisionError

    with monkeypatch.context() as broken:
        broken.setattr(command, "upgrade", fail)
        with pytest.raises(ZeroDivisionError):
            open_database(url)
    engine = create_engine(read_url(url))
    assert inspect(engine).get_table_names() == ["usage"]
    engine.dispose()
    open_database(url).close()


OPEN = """
import importlib, os, sys
from orchestrator.adapters.database.engine import open_database
for each in ("alembic.command", "psycopg", "sqlalchemy.dialects.postgresql", "sqlalchemy.dialects.sqlite"):
    importlib.import_module(each)
gate, opened = os.pipe()
def open_it():
    os.close(opened)
    os.read(gate, 1)
    open_database(sys.argv[1]).close()
children = []
for _ in range(4):
    if not (pid := os.fork()):
        code = 1
        try:
            open_it()
            code = 0
        except BaseException as error:
            print(repr(error), file=sys.stderr, flush=True)
        os._exit(code)
    children.append(pid)
os.close(opened)
print([os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children])
"""
"""Four processes that have learnt all they need before the gate opens for all of them at once."""


@pytest.mark.parametrize("old", [False, True])
def test_processes_that_start_at_once(new_url: Callable[[], str], backend: str, old: bool) -> None:
    """Four that open one database in the same moment all get it, empty or of the first version."""
    url = new_url()
    if old:
        of_the_first_version(url, backend)
    done = run_script(OPEN, url)
    assert (done.returncode, done.stdout) == (0, "[0, 0, 0, 0]\n"), done.stderr
    database = open_database(url)
    assert differences(database) == []
    with database.engine.execution_options(**{WRITES_OPTION: True}).begin() as connection:
        assert connection.scalar(text("SELECT count(*) FROM store_facts")) == 1
    database.close()


def test_the_steps_are_in_the_package() -> None:
    """What a wheel carries is what lies below the packages: the steps and Alembic's own file are there."""
    names = {path.name for path in migration.FOLDER.rglob("*.py")}
    steps = {"v0001_usage.py", "v0002_stores.py", "v0003_written.py", "v0004_registrations.py", "v0005_token_device.py"}
    steps |= {"v0006_operations.py"}
    assert {"env.py", *steps} <= names


def test_another_programs_table_is_left_alone(url: str, backend: str) -> None:
    """A database where `usage` means something else is refused, and nothing is added to it."""
    of_the_first_version(url, backend)
    engine = create_engine(read_url(url))
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE usage RENAME COLUMN mission TO litres"))
    with pytest.raises(WrongSetting, match="a database of its own"):
        open_database(url)
    assert inspect(engine).get_table_names() == ["usage"]
    engine.dispose()
