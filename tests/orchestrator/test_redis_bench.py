"""The Redis bus' benchmark measures both loops on one real server, and leaves nothing behind."""

from __future__ import annotations

import psutil
import psycopg
import pytest

from orchestrator.bench import bus, redis_bus, task_queue
from orchestrator.core.errors import WrongSetting
from tests.conftest import require_program
from tests.databases import Server


def test_it_measures_both_loops(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a short form; how fast this machine is just now is not asserted."""
    require_program("redis-server")
    monkeypatch.setattr(redis_bus, "ROUNDS", 2)
    monkeypatch.setattr(redis_bus, "MISSIONS", 10)
    before = {child.pid for child in psutil.Process().children()}
    for found in bus.measure(over="redis"):
        assert found.value > 0
        assert found.baseline
        assert found.ratio is not None
        assert found.met == (found.ratio >= 0.5) or abs(found.ratio - 0.5) < 0.01
    assert {child.pid for child in psutil.Process().children()} <= before


def test_without_a_server_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """In one line."""
    monkeypatch.setenv("PATH", "")
    with pytest.raises(WrongSetting, match="apt-get install redis-server"):
        redis_bus.measure()


def test_a_task_queue_on_postgresql_is_measured_beside_it(
    monkeypatch: pytest.MonkeyPatch, postgresql_server: Server
) -> None:
    """In a short form, on a real server; its tables are gone afterwards, and what was there is untouched."""
    require_program("redis-server")
    monkeypatch.setattr(redis_bus, "ROUNDS", 1)
    monkeypatch.setattr(redis_bus, "MISSIONS", 10)
    monkeypatch.setattr(task_queue, "ROUNDS", 2)
    monkeypatch.setattr(task_queue, "JOBS", 20)
    with postgresql_server.database("bench") as url:
        *_, found = bus.measure(over="redis", postgres=url)
        with psycopg.connect(url) as connection:
            rows = connection.execute(
                "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'shiftbook_bench%'"
            ).fetchall()
    assert rows == []
    assert found.value > 0
    assert found.baseline
    assert found.ratio is not None
    assert found.met == (found.ratio >= 5) or abs(found.ratio - 5) < 0.01


def test_a_database_that_cannot_be_used_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """And never with a password in it."""
    require_program("redis-server")
    monkeypatch.setattr(redis_bus, "ROUNDS", 1)
    monkeypatch.setattr(redis_bus, "MISSIONS", 1)
    with pytest.raises(WrongSetting, match="--postgres") as told:
        redis_bus.measure("postgresql://me:hush-hush@127.0.0.1:1/none")
    assert "hush" not in str(told.value)
    with pytest.raises(WrongSetting, match="add --bus redis"):
        bus.measure(postgres="postgresql://127.0.0.1/none")
