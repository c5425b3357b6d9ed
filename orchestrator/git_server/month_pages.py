"""May a node add this month's page to `continuity/`? Once the month is over, by the clock of the machine that asks.

A page is added once and not changed by nodes, so one that came early would stand in the way of the true one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timedelta

from orchestrator.policy.write_rules import PathChange

CLOCK_SKEW = timedelta(days=1)
"""By so much another machine's clock may be ahead."""
_PAGE = re.compile(r"continuity/(?P<month>[0-9]{4}-(?P<number>[0-9]{2}))\.md")


def early_page(changes: Iterable[PathChange], now: datetime) -> str:
    """Why a page among these changes comes too early, in words; empty where none does. `now` is in UTC."""
    for change in changes:
        page = _PAGE.fullmatch(change.path)
        if page is None or change.new is None:
            continue
        if not 1 <= int(page["number"]) <= 12:
            return f"{change.path}: {page['month']} is no month"
        if page["month"] >= f"{now + CLOCK_SKEW:%Y-%m}":
            return f"{change.path}: a node adds a month's page when that month is over; look at its clock"
    return ""
