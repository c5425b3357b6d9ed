"""A report of what the whole fleet has spent, as its nodes' pages tell it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from orchestrator.core.ports.usage import Spend
from orchestrator.ledger.node_pages import announced_nodes, page_text
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.workflow.spending import page_table, totals
from orchestrator.workflow.spending.forecast import Forecast, forecast


@dataclass(frozen=True, kw_only=True)
class SpendingReport:
    """What was spent since a day, and what that and the budgets lead to. `remarks` say what is missing in it."""

    since: date
    rows: tuple[Spend, ...]
    forecasts: tuple[Forecast, ...]
    remarks: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class FleetSpending:
    """The fleet's accounts."""

    ledger: Callable[[], LedgerSnapshot]
    now: Callable[[], datetime]

    def since(
        self, day: date | None = None, *, name: str = "", mine: tuple[Spend, ...] | None = None
    ) -> SpendingReport:
        """Everything since a day (none: since the beginning of this month). Pages reach some 35 days back.

        `mine` are the rows of the node `name` since `oldest`, where this machine knows them better than that node's
        page, which is minutes old.
        """
        ledger, now = self.ledger(), self.now()
        today = now.date()
        rows, remarks = read_spending(ledger, today)
        if mine is not None:
            rows = [*(row for row in rows if row.node != name), *mine]
        day = day or today.replace(day=1)
        if day < today - timedelta(days=page_table.MAX_DAYS - 1):
            remarks.append(f"pages reach {page_table.MAX_DAYS} days back: what was spent before is missing here")
        shown = tuple(totals.rows_since(rows, day))
        return SpendingReport(
            since=day, rows=shown, forecasts=tuple(_forecasts(ledger, rows, now)), remarks=tuple(remarks)
        )

    def oldest(self) -> datetime:
        """The beginning of the first day that pages tell of."""
        today = self.now().replace(hour=0, minute=0, second=0, microsecond=0)
        return today - timedelta(days=page_table.MAX_DAYS - 1)


def read_spending(ledger: LedgerSnapshot, today: date) -> tuple[list[Spend], list[str]]:
    """All nodes' rows, and what could not be read of them."""
    rows: list[Spend] = []
    remarks: list[str] = []
    for name in announced_nodes(ledger):
        told = page_table.parse_table(page_text(ledger, name), name, today)
        rows += told.rows
        if told.odd:
            remarks.append(f"heartbeats/{name}.md: {told.odd} of its rows of what it spent make no sense; left out")
    return rows, remarks


def _forecasts(ledger: LedgerSnapshot, rows: list[Spend], now: datetime) -> list[Forecast]:
    """The whole fleet's, and that of each project with a budget of its own."""
    budgets = {name: part.budget_usd for name, part in ledger.charter.projects.items() if part.budget_usd is not None}
    return [
        forecast(rows, now=now, budget=ledger.charter.budget.day_usd),
        *(
            forecast([row for row in rows if row.project == name], now=now, budget=budget, what=name)
            for name, budget in sorted(budgets.items())
        ),
    ]
