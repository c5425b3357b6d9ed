"""Does `shiftbook doctor` say whose the database is, and what headquarters told?"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from orchestrator.adapters.sandbox.bubblewrap import Bubblewrap
from orchestrator.app import wiring
from orchestrator.app.doctor import machine_checks
from orchestrator.app.doctor.check_result import CheckStatus
from orchestrator.app.doctor.state_checks import check_database, check_headquarters, check_state
from orchestrator.core.roles import Role
from orchestrator.core.settings import Settings
from orchestrator.node.headquarters.state_cache import StateCache
from orchestrator.workflow.delegation.shared_state import TTL_SECONDS, SharedNode, SharedState
from tests.databases import brought_up


def settings(home: Path, **more: Any) -> Settings:
    return Settings(**{"home": home, "node_id": "desk", **more})


def test_a_database_that_is_not_there_yet(tmp_path: Path) -> None:
    """Looking for it does not make it."""
    assert check_database(settings(tmp_path)).health is CheckStatus.ABSENT
    assert [*tmp_path.iterdir()] == []


def test_whose_state_a_database_keeps(tmp_path: Path) -> None:
    """A worker's its own, headquarters' the fleet's, too."""
    brought_up(settings(tmp_path))
    assert check_database(settings(tmp_path)).says.startswith(f"{tmp_path}/shiftbook.db keeps this node's own state")
    hq = check_database(settings(tmp_path, role=Role.HEADQUARTERS))
    assert "keeps the fleet's state and this node's own" in hq.says
    assert hq.health is CheckStatus.GOOD


def test_headquarters_database_at_another_node(tmp_path: Path) -> None:
    """It is broken there, and what to do is said."""
    url = f"sqlite:///{tmp_path}/hq.db"
    wiring.stores(settings(tmp_path / "hq", node_id="hq", role=Role.HEADQUARTERS, database_url=url)).close()
    found = check_database(settings(tmp_path / "desk", database_url=url))
    assert found.health is CheckStatus.BROKEN
    assert "is headquarters' (hq)" in found.says
    assert "unset SHIFTBOOK_DATABASE_URL" in found.remedy


def test_a_former_headquarters_has_a_way_out(tmp_path: Path) -> None:
    """Its database is its home's own, so that no setting can be left out: it is moved away, and a new one is made."""
    wiring.stores(settings(tmp_path, node_id="hq", role=Role.HEADQUARTERS)).close()
    found = check_database(settings(tmp_path))
    assert found.health is CheckStatus.BROKEN
    assert f"move {tmp_path}/shiftbook.db away: a new one is made" in found.says
    assert found.remedy.startswith(f"move {tmp_path}/shiftbook.db away")
    for path in tmp_path.glob("shiftbook.db*"):
        path.rename(path.with_name(f"former-{path.name}"))
    wiring.stores(settings(tmp_path)).close()
    assert check_database(settings(tmp_path)).health is CheckStatus.GOOD


def test_a_database_that_does_not_answer(tmp_path: Path) -> None:
    """One line, without the password."""
    found = check_database(settings(tmp_path, database_url="postgresql://u:hush@127.0.0.1:1/d"))
    assert (found.health, "hush" in found.says) == (CheckStatus.BROKEN, False)
    assert "refused" in found.says


def test_what_headquarters_told(tmp_path: Path) -> None:
    """Nothing yet; lately, with how many are silent; and long ago."""
    worker = settings(tmp_path, hq_url="https://hq.example")
    assert check_headquarters(worker).says == "https://hq.example has told this worker nothing yet"
    nodes = [SharedNode(node=name, state=state, received="") for name, state in (("a", "live"), ("b", "offline"))]
    cache = StateCache(home=tmp_path)
    cache.save(SharedState(hq="hq", as_of=wiring.now(), nodes=tuple(nodes)))
    good = check_headquarters(worker)
    assert (good.health, good.says.partition(": ")[2]) == (CheckStatus.GOOD, "2 nodes registered, 1 silent")
    before = (wiring.now() - timedelta(seconds=TTL_SECONDS * 2)).timestamp()
    os.utime(cache.path, (before, before))
    poor = check_headquarters(worker)
    assert (poor.health, bool(poor.remedy)) == (CheckStatus.POOR, True)
    assert "10 min ago" in poor.says


@pytest.mark.parametrize(("role", "url", "count"), [("LOCAL_WORKER", "", 1), ("HEADQUARTERS", "https://x", 1)])
def test_who_has_no_headquarters_is_not_asked(tmp_path: Path, role: str, url: str, count: int) -> None:
    """A worker that knows none, and headquarters itself."""
    assert len([*check_state(settings(tmp_path, role=Role(role), hq_url=url))]) == count


def test_a_covered_proc_is_a_containers(monkeypatch: pytest.MonkeyPatch) -> None:
    """What bubblewrap says there leads to the engine's option, not to another installation."""
    why = "bubblewrap does not work here: bwrap: Can't mount proc on /newroot/proc: Operation not permitted"
    monkeypatch.setattr(Bubblewrap, "missing", lambda _self: why)
    assert "unmask=ALL" in machine_checks.check_sandbox(Settings()).remedy
    monkeypatch.setattr(Bubblewrap, "missing", lambda _self: "bubblewrap is not installed")
    assert machine_checks.check_sandbox(Settings()).remedy.startswith("install bubblewrap")
