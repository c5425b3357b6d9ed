"""What was used here and by the whole fleet, over HTTP; and what could not be told stands in `/ready`."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from orchestrator.api.app import create_app
from orchestrator.api.web.context import AppServices
from orchestrator.core.ports.model import Usage
from orchestrator.core.ports.outbox import OutboxItem
from orchestrator.core.ports.usage import Spend, UsageOwner, UsageTotals
from orchestrator.workflow.spending import page_table
from tests.ledgers import FLEET, Town
from tests.orchestrator.api.conftest import Build, Site

USED = Usage(model="m", tokens_in=10, tokens_out=5, tokens_cached=2, seconds=1.5, cost_usd=0.25)


def with_stores(site: Site) -> Site:
    """The same app on a house that knows its stores."""
    house: AppServices = replace(site.house, stores=site.stores)
    return replace(site, house=house, app=create_app(house))


def run(mission: str, node: str = "desk") -> UsageOwner:
    return UsageOwner(node=node, mission=mission, epoch=1, attempt=1, agent="claude", project="shop")


def test_usage_by_everything(build: Build) -> None:
    """By project, mission, day, node, agent and model; the same runs each time."""
    site = with_stores(build())
    site.stores.usage.record(run("a"), USED, when=site.clock())
    site.stores.usage.record(run("b", "vps"), replace(USED, cost_usd=None), when=site.clock())
    told = site.client.get("/api/v1/usage").get_json()
    assert set(told["missions"]) == {"a", "b"}
    assert set(told["by_node"]) == {"desk", "vps"}
    assert set(told["by_agent"]) == {"claude"}
    assert set(told["by_day"]) == {f"{site.clock().date()}"}
    for name in ("projects", "missions", "by_day", "by_node", "by_agent", "by_model"):
        assert sum(each["runs"] for each in told[name].values()) == 2
        assert sum(each["unpriced"] for each in told[name].values()) == 1


def test_what_the_fleet_spent(build: Build, tmp_path: Path) -> None:
    """Pages of all nodes, with the forecast of the budget."""
    now = datetime.now(UTC)
    totals = UsageTotals(runs=1, tokens_in=9, tokens_out=5, tokens_cached=2, seconds=1.5, cost_usd=3.0, unpriced=0)
    rows = [Spend(day=now.date(), node="vps", project="shop", agent="claude", model="m", totals=totals)]
    page = f"---\nnode: vps\n---\n\n# vps\n\n{page_table.render_table(rows)}"
    toml = FLEET.format(trust="remote") + "[budget]\nday_usd = 2.0\n"
    town = Town({"heartbeats/vps.md": page, "fleet.toml": toml}, folder=tmp_path / "town")
    try:
        site = build(ledger=str(town.bare))
        site.clock.time = now  # midnight may be any moment
        told = site.client.get("/api/v1/usage/fleet").get_json()
        assert told["total"]["cost_usd"] == 3.0
        assert told["by_node"]["vps"]["runs"] == 1
        assert told["forecasts"][0]["budget_usd"] == 2.0
        assert told["forecasts"][0]["reached"] is not None
        assert site.client.get("/api/v1/usage/fleet?since=2099-01-01").get_json()["total"]["runs"] == 0
        wrong = site.client.get("/api/v1/usage/fleet?since=yesterday")
        assert wrong.status_code == 422
        assert "yesterday" not in wrong.text
    finally:
        town.close()


@pytest.mark.parametrize(("again", "why"), [(True, "is tried again"), (False, "is given up")])
def test_ready_says_what_could_not_be_told_and_stays_ready(build: Build, again: bool, why: str) -> None:
    """A mail server that is down is no reason to send nobody here."""
    site = with_stores(build())
    assert site.client.get("/ready").get_json()["parts"]["notices"] == {"ok": True, "why": ""}
    site.stores.outgoing.put(OutboxItem(key="k", kind="notice", body={}), site.clock())
    site.stores.outgoing.failed("k", "1: JSON: error=500", site.clock() if again else None)
    answer = site.client.get("/ready")
    assert answer.status_code == 200
    assert answer.get_json()["ready"] is True
    assert why in answer.get_json()["parts"]["notices"]["why"]
    assert "JSON" not in answer.text
