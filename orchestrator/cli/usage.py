"""shiftbook usage: what was used on this machine, in tokens, time and money?"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import click

from orchestrator.app import wiring
from orchestrator.cli import terminal
from orchestrator.core.environment import load_settings
from orchestrator.workflow.spending.group_keys import GROUP_KEYS

if TYPE_CHECKING:
    from orchestrator.core.ports.usage import UsageTotals


@click.command("usage")
@click.option("--days", default=30, show_default=True, type=click.IntRange(1, 3660), help="How far back.")
@click.option(
    "--by", "key", default="project", show_default=True, type=click.Choice(GROUP_KEYS), help="What to sum by."
)
@click.option("--json", "as_json", is_flag=True, help="Print the sums as JSON, with every mission and conversation.")
def usage(days: int, key: str, as_json: bool) -> None:
    """Shows what was used here, by project: tokens, how many of them came from the prompt cache, time, money."""
    from orchestrator.workflow.spending import totals

    stores = wiring.stores(load_settings())
    try:
        since = wiring.now() - timedelta(days=days)
        told = {"projects": stores.usage.by_project(since=since), "missions": stores.usage.by_mission(since=since)}
        rows = stores.usage.spent(since=since)
    finally:
        stores.close()
    if as_json:
        told |= {f"by_{word}": totals.totals_by(rows, word) for word in GROUP_KEYS if word != "project"}
        terminal.print_json({"days": days, **{name: totals.totals_json(found) for name, found in told.items()}})
        return
    shown = [("", word or f"no {key}", _usage_line(each), "") for word, each in totals.totals_by(rows, key).items()]
    if shown:
        terminal.print_rows(shown)
    else:
        click.echo("nothing was used yet")


def _usage_line(each: UsageTotals) -> str:
    from orchestrator.core.time_text import format_duration

    share = f" ({100 * each.tokens_cached // each.tokens_in} %)" if each.tokens_in else ""
    cost = "no price known" if each.unpriced == each.runs else f"{each.cost_usd:.2f} USD"
    if not each.cost_usd and not each.unpriced and each.tokens_in:
        cost += " (your own models cost nothing)"
    runs = f"{each.runs} run{'s' * (each.runs != 1)}"
    tokens = f"{each.tokens_in:,} tokens in, {each.tokens_cached:,} cached{share}, {each.tokens_out:,} out"
    return f"{runs} · {tokens} · {format_duration(each.seconds)} · {cost}"
