"""Costs by node: are filters and pages of the same sums?"""

from __future__ import annotations

from datetime import date

from orchestrator.core.ports.usage import Spend, UsageTotals
from orchestrator.workflow.delegation.costs import cost_page


def spend(node: str, project: str, usd: float) -> Spend:
    totals = UsageTotals(runs=1, tokens_in=10, tokens_out=1, tokens_cached=0, seconds=1.0, cost_usd=usd, unpriced=0)
    return Spend(day=date(2026, 11, 1), node=node, project=project, agent="a", model="m", totals=totals)


ROWS = [spend("a", "shop", 1.0), spend("a", "", 2.0), spend("b", "shop", 4.0), spend("c", "", 8.0)]


def test_every_node_is_on_one_page_and_the_total_is_of_all() -> None:
    """Whatever the page's size; the total does not depend on it."""
    seen, after = {}, ""
    for _ in range(3):
        page = cost_page(ROWS, [], after=after, limit=1)
        seen |= {row["node"]: row["cost_usd"] for row in page["items"]}
        after = page["next"] or ""
        assert page["total"]["cost_usd"] == 15.0
    assert (seen, after) == ({"a": 3.0, "b": 4.0, "c": 8.0}, "")


def test_filters_are_of_node_and_project() -> None:
    """An empty project is one of its own; who only registered is there where no project is asked for."""
    assert cost_page(ROWS, [], node="a")["total"]["cost_usd"] == 3.0
    assert cost_page(ROWS, [], project="")["total"]["cost_usd"] == 10.0
    registered = [{"node": "d", "today_usd": 0.5, "received": "now"}]
    assert [row["node"] for row in cost_page(ROWS, registered)["items"]] == ["a", "b", "c", "d"]
    assert [row["node"] for row in cost_page(ROWS, registered, project="shop")["items"]] == ["a", "b"]
    assert [row["node"] for row in cost_page(ROWS, registered, node="d")["items"]] == ["d"]
