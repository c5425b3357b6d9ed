"""Facts about what has been used."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta, timezone

from orchestrator.core.ports.model import Usage
from orchestrator.core.ports.stores import Stores
from orchestrator.core.ports.usage import UsageOwner, UsageTotals
from tests.orchestrator.adapters.database.conftest import NOON

USED = Usage(model="m", backend="b", tokens_in=10, tokens_out=5, tokens_cached=2, seconds=1.5, cost_usd=0.25)


def run(mission: str = "fix", *, epoch: int = 1, node: str = "desk", project: str = "shop") -> UsageOwner:
    """One attempt."""
    return UsageOwner(node=node, mission=mission, epoch=epoch, attempt=epoch, agent="builtin", project=project)


def test_once(stores: Stores) -> None:
    """A run is noted once, however often it is reported; another epoch or node is another run."""
    assert stores.usage.record(run(), USED, when=NOON)
    assert not stores.usage.record(run(), USED, when=NOON + timedelta(hours=1))
    assert stores.usage.record(run(epoch=2), USED, when=NOON)
    assert stores.usage.record(run(node="vps"), USED, when=NOON)
    assert stores.usage.by_mission(since=NOON)["fix"].runs == 3


def test_totals(stores: Stores) -> None:
    """Totals add up what is known from a moment on, and count the runs whose cost nobody knows."""
    stores.usage.record(run("old"), USED, when=NOON - timedelta(seconds=1))
    stores.usage.record(run("fix"), USED, when=NOON)
    stores.usage.record(run("fix", epoch=2), Usage(tokens_in=1), when=NOON)
    stores.usage.record(run("chat", project=""), USED, when=NOON)
    fix = UsageTotals(runs=2, tokens_in=11, tokens_out=5, tokens_cached=2, seconds=1.5, cost_usd=0.25, unpriced=1)
    assert stores.usage.by_mission(since=NOON)["fix"] == fix
    found = stores.usage.by_project(since=NOON)
    assert found["shop"] == fix
    assert set(found) == {"shop", ""}
    assert stores.usage.by_project(since=NOON + timedelta(days=1)) == {}


def test_time_zones(stores: Stores) -> None:
    """A moment is the same moment in every time zone."""
    stores.usage.record(run(), USED, when=NOON.astimezone(timezone(timedelta(hours=9))))
    assert stores.usage.by_mission(since=NOON.astimezone(timezone(timedelta(hours=-9))))
    assert not stores.usage.by_mission(since=NOON + timedelta(microseconds=1))


def test_a_long_path_of_a_model_is_cut(stores: Stores) -> None:
    """A model may be called by its path; usage is noted all the same, on either database."""
    assert stores.usage.record(run(), Usage(model="/x" * 300, backend="b" * 90), when=NOON)
    assert not stores.usage.record(run(), Usage(), when=NOON)


def test_what_was_spent_by_day_node_project_agent_and_model(stores: Stores) -> None:
    """Each combination is one row; days are those of UTC; runs from before `since` are left out."""
    late = NOON.replace(hour=23, minute=59, second=59)
    stores.usage.record(run("a"), USED, when=late)
    stores.usage.record(run("b"), USED, when=NOON)
    stores.usage.record(run("c"), replace(USED, cost_usd=None), when=late + timedelta(seconds=1))
    stores.usage.record(run("d", node="vps"), replace(USED, model="n"), when=NOON)
    stores.usage.record(run("old"), USED, when=NOON - timedelta(days=2))
    found = stores.usage.spent(since=NOON - timedelta(days=1))
    assert [(f"{s.day}", s.node, s.project, s.agent, s.model, s.totals.runs) for s in found] == [
        ("2026-11-21", "desk", "shop", "builtin", "m", 2),
        ("2026-11-21", "vps", "shop", "builtin", "n", 1),
        ("2026-11-22", "desk", "shop", "builtin", "m", 1),
    ]
    assert found[0].totals == UsageTotals(
        runs=2, tokens_in=20, tokens_out=10, tokens_cached=4, seconds=3.0, cost_usd=0.5, unpriced=0
    )
    assert found[2].totals.unpriced == 1
