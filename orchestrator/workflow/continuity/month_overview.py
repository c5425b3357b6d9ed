"""What do programs and pages show of a month and the months before? One overview for all of them, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from handoff.secrets.excerpts import redacted_line
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.workflow.continuity.month_measures import MonthMeasure, measure_month
from orchestrator.workflow.continuity.month_page import interval, percent, summary
from orchestrator.workflow.continuity.monthly_record import harmful_by_project, series
from orchestrator.workflow.continuity.proportion import Proportion

MAX_TEXT_CHARS = 300
"""Characters of an item, or of why it hurts."""


def continuity_overview(ledger: LedgerSnapshot, month: str) -> dict[str, Any]:
    """A month as it is measured now, the items that hurt, and the months that have a page, the oldest first."""
    found = measure_month(ledger, month)
    return {
        "month": month,
        "commit": ledger.tip,
        "says": summary(found),
        "missions": found.missions,
        "attempts": found.attempts,
        "failed_attempts": found.failed_attempts,
        "withdrawn": found.withdrawn,
        "waiting": found.waiting,
        "cost_usd": found.cost_usd,
        "unpriced": found.unpriced,
        "measures": _rows(found.proportions),
        "harmful": [
            {
                "project": project,
                "text": redacted_line(one.text, MAX_TEXT_CHARS),
                "cites": list(one.cites),
                "why": redacted_line(one.why, MAX_TEXT_CHARS),
            }
            for project, items in sorted(harmful_by_project(ledger).items())
            for one in items
        ],
        "series": [{"month": row.month, "measures": _rows(row.proportions)} for row in series(ledger, found)],
    }


def _rows(proportions: Mapping[MonthMeasure, Proportion]) -> list[dict[str, Any]]:
    """Every measure in its order; one that a page does not tell has none of none."""
    return [_row(one, proportions.get(one, Proportion(count=0, of=0))) for one in MonthMeasure]


def _row(measure: MonthMeasure, found: Proportion) -> dict[str, Any]:
    low, high = found.interval or (None, None)
    return {
        "key": measure.name.lower(),
        "name": measure.value,
        "short": measure.value.partition(", of ")[0],
        "count": found.count,
        "of": found.of,
        "share": found.share,
        "low": low,
        "high": high,
        "share_words": percent(found),
        "interval_words": interval(found),
    }
