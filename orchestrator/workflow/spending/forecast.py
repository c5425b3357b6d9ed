"""A forecast of spending: when is a day's budget reached, what will the month cost? Says what it cannot know.

Days and months are those of UTC, as budgets are. The day's rate is what was spent since midnight; the month's is the
mean of the last whole days that are known.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from orchestrator.core import pricing
from orchestrator.core.ports.usage import Spend
from orchestrator.workflow.spending.totals import sum_totals

MAX_MEAN_DAYS = 7
"""Whole days whose mean the month's forecast rests on, at most, and"""
MIN_MEAN_DAYS = 3
"""at least."""
MIN_ELAPSED = timedelta(hours=1)
"""What was spent in a shorter part of a day tells nothing of the rest of it."""


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """What is known, and what follows. Money is USD; None where too little is known, or there is no budget."""

    what: str
    """The project; empty for the whole fleet."""
    today_usd: float
    month_usd: float
    budget_usd: float | None
    reached: datetime | None
    """When the day's budget was found reached (a moment that is past or now), or will be at today's rate."""
    month_end_usd: float | None
    days: int
    """Whole days that the month's forecast rests on."""
    runs: int
    unpriced: int
    """Runs of this month whose price nobody knows: everything here is then too low."""
    says: tuple[str, ...]


def forecast(rows: Iterable[Spend], *, now: datetime, budget: float | None, what: str = "") -> Forecast:
    """What these rows lead to. Rows of days to come (another machine's clock) count as today's."""
    now = now.astimezone(UTC)
    today, known = now.date(), list(rows)
    of_today = [row for row in known if row.day >= today]
    of_month = [row for row in known if row.day >= today.replace(day=1)]
    spent, month = sum_totals(of_today).cost_usd, sum_totals(of_month)
    reached = _budget_reached_at(spent, budget, now)
    mean, days = _mean_per_day(known, today)
    left = monthrange(today.year, today.month)[1] - today.day
    end = None if mean is None else month.cost_usd - spent + max(spent, mean) + mean * left
    found = Forecast(
        what=what,
        today_usd=spent,
        month_usd=month.cost_usd,
        budget_usd=budget,
        reached=reached,
        month_end_usd=end,
        days=days,
        runs=month.runs,
        unpriced=month.unpriced,
        says=(),
    )
    return Forecast(**vars(found) | {"says": tuple(_sentences(found, now))})


def _budget_reached_at(spent: float, budget: float | None, now: datetime) -> datetime | None:
    """When a day's budget is reached; None where it is not today, or nobody can tell."""
    if budget is None:
        return None
    if spent >= budget:
        return now
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if now - midnight < MIN_ELAPSED or spent <= 0:
        return None
    needs = (now - midnight) * (budget / spent)
    return midnight + needs if needs < timedelta(days=1) else None


def _mean_per_day(rows: Sequence[Spend], today: date) -> tuple[float | None, int]:
    """Dollars a day over the last whole days since the first that is known; None where those are too few."""
    before = [row for row in rows if row.day < today]
    first = min((row.day for row in before), default=today)
    days = min((today - first).days, MAX_MEAN_DAYS)
    if days < MIN_MEAN_DAYS:
        return None, days
    return sum_totals(row for row in before if row.day >= today - timedelta(days=days)).cost_usd / days, days


def _sentences(found: Forecast, now: datetime) -> Iterable[str]:
    who = f"{found.what}: " if found.what else ""
    if found.budget_usd is not None:
        of = f"${found.today_usd:,.2f} of the day's ${found.budget_usd:,.2f}"
        if found.reached is not None and found.reached <= now:
            yield f"{who}the day's budget is reached: {of}"
        elif found.reached is not None:
            yield f"{who}{of}; at this rate it is reached at {found.reached:%H:%M} UTC"
        elif found.today_usd > 0 and now.hour >= 1:
            yield f"{who}{of}; at this rate it lasts the day"
        else:
            yield f"{who}{of}; too early to say how far that goes"
    if found.month_end_usd is not None:
        yield (
            f"{who}${found.month_usd:,.2f} this month; at the rate of the last {found.days} days it will cost "
            f"${found.month_end_usd:,.2f}"
        )
    else:
        known = f"{found.days} whole day{'s' * (found.days != 1)}"
        yield f"{who}${found.month_usd:,.2f} this month; {known} before today are too few to say what it will cost"
    if found.unpriced:
        why = f" ({absent})" if (absent := pricing.missing()) else ""
        count = f"{found.unpriced} of {found.runs} runs this month"
        yield f"{who}{count} have no known price{why}: the true sums are higher"
