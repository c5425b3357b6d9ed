"""The totals of many rows of spending, by day, node, project, agent or model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import astuple, replace
from datetime import date

from orchestrator.core.ports.usage import Spend, UsageTotals
from orchestrator.workflow.spending.group_keys import GROUP_KEYS

ZERO_TOTALS = UsageTotals(runs=0, tokens_in=0, tokens_out=0, tokens_cached=0, seconds=0.0, cost_usd=0.0, unpriced=0)


def add_totals(first: UsageTotals, second: UsageTotals) -> UsageTotals:
    """Both together."""
    return UsageTotals(
        **dict(zip(vars(first), map(sum, zip(astuple(first), astuple(second), strict=True)), strict=True))
    )


def sum_totals(rows: Iterable[Spend]) -> UsageTotals:
    """All of them together."""
    found = ZERO_TOTALS
    for row in rows:
        found = add_totals(found, row.totals)
    return found


def totals_by(rows: Iterable[Spend], key: str) -> dict[str, UsageTotals]:
    """Totals by one of GROUP_KEYS, the newest day or the most expensive first. Raises KeyError for another word."""
    found: dict[str, UsageTotals] = {}
    for row in rows:
        word = {name: str(getattr(row, name)) for name in GROUP_KEYS}[key]
        found[word] = add_totals(found.get(word, ZERO_TOTALS), row.totals)
    if key == "day":
        return dict(sorted(found.items(), reverse=True))
    return dict(sorted(found.items(), key=lambda pair: (-pair[1].cost_usd, -pair[1].tokens_in, pair[0])))


def rows_since(rows: Iterable[Spend], day: date) -> list[Spend]:
    """Those of a day and later."""
    return [row for row in rows if row.day >= day]


def fit_rows(rows: Iterable[Spend], roof: int) -> list[Spend]:
    """At most `roof` rows that add up to the same: the oldest days are told as one row each, then left out."""
    left = sorted(rows, key=lambda row: (row.day, row.project, row.agent, row.model))
    for day in sorted({row.day for row in left}):
        if len(left) <= roof:
            break
        of_day = [row for row in left if row.day == day]
        whole = replace(of_day[0], project="", agent="", model="", totals=sum_totals(of_day))
        left = [whole, *(row for row in left if row.day != day)]
    return sorted(left, key=lambda row: row.day)[-roof:]


def totals_json(totals: Mapping[str, UsageTotals]) -> dict[str, dict[str, float]]:
    """Sums as plain data."""
    return {word: dict(vars(each)) for word, each in totals.items()}
