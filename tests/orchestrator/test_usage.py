"""Facts about what has been used, and about the database that remembers it."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from orchestrator.errors import WrongSetting
from orchestrator.ports import Usage
from orchestrator.store.database import open_database
from orchestrator.store.usage import Run, Totals, by_mission, by_project, record

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
USED = Usage(model="m", backend="b", tokens_in=10, tokens_out=5, tokens_cached=2, seconds=1.5, cost_usd=0.25)


def run(mission: str = "fix", *, epoch: int = 1, node: str = "desk", project: str = "shop") -> Run:
    """One attempt."""
    return Run(node=node, mission=mission, epoch=epoch, attempt=epoch, agent="builtin", project=project)


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    """A database in a folder that is not there yet."""
    return open_database(f"sqlite:///{tmp_path}/home/shiftbook.db")


def test_once(engine: Engine) -> None:
    """A run is noted once, however often it is reported; another epoch or node is another run."""
    assert record(engine, run(), USED, when=NOON)
    assert not record(engine, run(), USED, when=NOON + timedelta(hours=1))
    assert record(engine, run(epoch=2), USED, when=NOON)
    assert record(engine, run(node="vps"), USED, when=NOON)
    assert by_mission(engine, since=NOON)["fix"].runs == 3


def test_totals(engine: Engine) -> None:
    """Totals add up what is known from a moment on, and count the runs whose cost nobody knows."""
    record(engine, run("old"), USED, when=NOON - timedelta(seconds=1))
    record(engine, run("fix"), USED, when=NOON)
    record(engine, run("fix", epoch=2), Usage(tokens_in=1), when=NOON)
    record(engine, run("chat", project=""), USED, when=NOON)
    fix = Totals(runs=2, tokens_in=11, tokens_out=5, tokens_cached=2, seconds=1.5, cost_usd=0.25, unpriced=1)
    assert by_mission(engine, since=NOON)["fix"] == fix
    found = by_project(engine, since=NOON)
    assert found["shop"] == fix
    assert set(found) == {"shop", ""}
    assert by_project(engine, since=NOON + timedelta(days=1)) == {}


def test_time_zones(engine: Engine) -> None:
    """A moment is the same moment in every time zone."""
    record(engine, run(), USED, when=NOON.astimezone(timezone(timedelta(hours=9))))
    assert by_mission(engine, since=NOON.astimezone(timezone(timedelta(hours=-9))))
    assert not by_mission(engine, since=NOON + timedelta(microseconds=1))


def test_settings(engine: Engine) -> None:
    """SQLite writes ahead, waits for other writers and holds foreign keys."""
    with engine.connect() as connection:
        found = [
            connection.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "busy_timeout", "foreign_keys")
        ]
    assert found == ["wal", 10_000, 1]


def test_opened_again(tmp_path: Path) -> None:
    """What was noted is there when the database is opened again."""
    url = f"sqlite:///{tmp_path}/a.db"
    record(open_database(url), run(), USED, when=NOON)
    assert not record(open_database(url), run(), USED, when=NOON)


WRITER = """
import sys
from datetime import UTC, datetime
from orchestrator.ports import Usage
from orchestrator.store.database import open_database
from orchestrator.store.usage import Run, record
engine = open_database(sys.argv[1])
for n in range(100):
    record(engine, Run(node=sys.argv[2], mission="m", epoch=n, attempt=1, agent="a"), Usage(), when=datetime.now(UTC))
"""


def test_two_writers(tmp_path: Path) -> None:
    """Two processes that write at once both get everything in."""
    url = f"sqlite:///{tmp_path}/a.db"
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, url, node]) for node in ("a", "b")]
    assert [each.wait(timeout=60) for each in writers] == [0, 0]
    assert by_mission(open_database(url), since=NOON - timedelta(days=36500))["m"].runs == 200


@pytest.mark.parametrize("url", ["nonsense", "nosuchdb://x/y", "postgresql+nodriver://x/y"])
def test_wrong_url(url: str) -> None:
    """A URL that no database answers to is a wrong setting, named."""
    with pytest.raises(WrongSetting, match="SHIFTBOOK_DATABASE_URL"):
        open_database(url)
