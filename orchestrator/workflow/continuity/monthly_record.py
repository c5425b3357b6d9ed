"""Which month's record is due, and what did the months before say? The pages in the ledger, and what is not there yet.

A page is written once, when the branch has a commit of a later month, and never again: what was decided of a month's
results afterwards shows where the month is measured anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from handoff.mined.harmful_items import HarmfulItem
from orchestrator.ledger.publish import LedgerChange
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.workflow.continuity.given_items import harmful_in
from orchestrator.workflow.continuity.month_measures import MonthMeasures, measure_month
from orchestrator.workflow.continuity.month_page import (
    FOLDER,
    MONTH,
    MonthRow,
    month_path,
    parse_month,
    render_month,
)
from sync.objects import find, folder_entries, load_commit

MAX_MONTHS_BACK = 12
"""Months before the branch's own that are still written when nobody was there at their end."""
MAX_SERIES = 24
"""Months of a series, the newest."""


def branch_month(ledger: LedgerSnapshot) -> str:
    """The month of the branch's newest commit, the same for every node."""
    return f"{datetime.fromtimestamp(load_commit(ledger.store, ledger.tip).committed, UTC):%Y-%m}"


def due_month(ledger: LedgerSnapshot) -> str:
    """The oldest month that is over, in which missions ended, and that has no page; "" for none. Reads no mission."""
    now = branch_month(ledger)
    first = _months_before(now, MAX_MONTHS_BACK)
    ended = {
        label[:7] for label, _ in ledger.archive.folders if first <= label[:7] < now and MONTH.fullmatch(label[:7])
    }
    return min(ended - set(_written(ledger)) if ended else ended, default="")


def month_change(ledger: LedgerSnapshot) -> LedgerChange | None:
    """The page that is due; None where there is none."""
    month = due_month(ledger)
    if not month:
        return None
    text = render_month(measure_month(ledger, month), harmful_by_project(ledger), ledger.tip)
    return LedgerChange(files={month_path(month): text.encode()}, message=f"Continuity: what {month} says")


def harmful_by_project(ledger: LedgerSnapshot) -> dict[str, list[HarmfulItem]]:
    """The items that hurt, by project; projects without any are left out."""
    found = {name: harmful_in(ledger, name) for name in _projects(ledger)}
    return {name: items for name, items in found.items() if items}


def series(ledger: LedgerSnapshot, measured: MonthMeasures) -> list[MonthRow]:
    """The months of which there is a page, the oldest first, with one that was measured just now in its place."""
    rows = {row.month: row for row in _pages(ledger)}
    rows[measured.month] = MonthRow(month=measured.month, proportions=measured.proportions)
    return [rows[month] for month in sorted(rows)][-MAX_SERIES:]


def _pages(ledger: LedgerSnapshot) -> Iterator[MonthRow]:
    for month in _written(ledger):
        yield parse_month(ledger.text(month_path(month)), month)


def _written(ledger: LedgerSnapshot) -> list[str]:
    """The months that have a page, the oldest first; whatever stands there counts, because no node replaces it."""
    names = folder_entries(ledger.store, find(ledger.store, ledger.tree, FOLDER))
    return sorted(name[:-3] for name in names if name.endswith(".md") and MONTH.fullmatch(name[:-3]))


def _projects(ledger: LedgerSnapshot) -> list[str]:
    return sorted(folder_entries(ledger.store, find(ledger.store, ledger.tree, "projects")))


def _months_before(month: str, count: int) -> str:
    number = int(month[:4]) * 12 + int(month[5:]) - 1 - count
    return f"{number // 12}-{number % 12 + 1:02}"
