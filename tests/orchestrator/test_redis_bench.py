"""The Redis bus' benchmark measures both loops on one real server, and leaves nothing behind."""

from __future__ import annotations

import psutil
import pytest

from orchestrator.bench import bus, redis_bus
from orchestrator.core.errors import WrongSetting
from tests.conftest import require_program


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
