"""How does `shiftbook fleet --cost` print what the fleet has spent?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import date

import click
from rich.table import Table
from rich.text import Text

from orchestrator.app import wiring
from orchestrator.cli import terminal
from orchestrator.cli.console import console
from orchestrator.core.errors import StoreFailed, WrongSetting
from orchestrator.core.ports.usage import Spend, UsageTotals
from orchestrator.core.settings import Settings
from orchestrator.workflow.fleet import Fleet
from orchestrator.workflow.spending import totals
from orchestrator.workflow.spending.group_keys import GROUP_KEYS
from orchestrator.workflow.spending.report import SpendingReport

DEFAULT_KEYS = ("node", "project", "model", "day")


def _day(text: str) -> date | None:
    """A day as it is typed. Raises WrongSetting."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise WrongSetting("--since", f"write a day such as 2026-11-01, not {text!r}") from error


def print_cost(chosen: Settings, fleet: Fleet, since: str, keys: Iterable[str], *, as_json: bool) -> None:
    """Prints what was spent, and where that leads."""
    account = fleet.accounts.since(_day(since), name=chosen.node, mine=_own_rows(chosen, fleet))
    terminal.warn(fleet)
    if as_json:
        terminal.print_json(_json(account))
        return
    out = console()
    for key in tuple(keys) or DEFAULT_KEYS:
        out.print(_table(key, totals.totals_by(account.rows, key), account))
    whole = totals.sum_totals(account.rows)
    if whole.tokens_in and not whole.cost_usd and not whole.unpriced:
        click.echo("your own models cost nothing")
    for words in (*(words for each in account.forecasts for words in each.says), *account.remarks):
        click.echo(words)


def _own_rows(chosen: Settings, fleet: Fleet) -> tuple[Spend, ...] | None:
    """This machine's own rows, which are newer than its page; None where its database does not answer."""
    try:
        stores = wiring.stores(chosen)
    except (StoreFailed, WrongSetting):
        return None
    try:
        rows = stores.usage.spent(since=fleet.accounts.oldest())
    finally:
        stores.close()
    return tuple(row for row in rows if row.node == chosen.node) or None


def _table(key: str, found: dict[str, UsageTotals], account: SpendingReport) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), title_justify="left", title=f"by {key}, since {account.since}")
    table.add_column(key)
    for head in ("runs", "tokens in", "cached", "out", "USD"):
        table.add_column(head, justify="right")
    whole = totals.sum_totals(account.rows)
    for word, each in found.items():
        table.add_row(*_cells(Text(word or f"no {key}"), each))
    if len(found) > 1:
        table.add_row(*_cells(Text("all", style="bold"), whole))
    return table


def _cells(name: Text, each: UsageTotals) -> tuple[Text | str, ...]:
    cost = "no price known" if each.unpriced == each.runs else f"{each.cost_usd:,.2f}{'+' * (each.unpriced > 0)}"
    return name, f"{each.runs:,}", f"{each.tokens_in:,}", f"{each.tokens_cached:,}", f"{each.tokens_out:,}", cost


def _json(account: SpendingReport) -> dict[str, object]:
    return {
        "since": account.since.isoformat(),
        "total": asdict(totals.sum_totals(account.rows)),
        **{f"by_{key}": totals.totals_json(totals.totals_by(account.rows, key)) for key in GROUP_KEYS},
        "rows": [asdict(row) for row in account.rows],
        "forecasts": [asdict(each) for each in account.forecasts],
        "remarks": account.remarks,
    }
