"""shiftbook usage"""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta

import click

from orchestrator import settings, wiring
from orchestrator.cli import paper
from orchestrator.journal import duration
from orchestrator.stores import Totals


@click.command("usage")
@click.option("--days", default=30, show_default=True, type=click.IntRange(1, 3660), help="How far back.")
@click.option("--json", "as_json", is_flag=True, help="Print the sums as JSON, with every mission and conversation.")
def command(days: int, as_json: bool) -> None:
    """Shows what this node used, by project: tokens, how many of them came from the prompt cache, time, money."""
    now = settings.load()
    stores = wiring.stores(now)
    try:
        since = wiring.now() - timedelta(days=days)
        projects, missions = stores.usage.by_project(since=since), stores.usage.by_mission(since=since)
    finally:
        stores.close()
    if as_json:
        told = {"projects": projects, "missions": missions}
        sums = {name: {key: asdict(each) for key, each in found.items()} for name, found in told.items()}
        paper.print_json({"days": days, **sums})
        return
    rows = [("", name or "no project", _line(sums), "") for name, sums in sorted(projects.items())]
    paper.console().print(paper.shift_lines(rows) if rows else "nothing was used yet")


def _line(sums: Totals) -> str:
    share = f" ({100 * sums.tokens_cached // sums.tokens_in} %)" if sums.tokens_in else ""
    cost = f"{sums.cost_usd:.2f} USD" if sums.unpriced < sums.runs else "no price known"
    runs = f"{sums.runs} run{'s' * (sums.runs != 1)}"
    tokens = f"{sums.tokens_in:,} tokens in, {sums.tokens_cached:,} cached{share}, {sums.tokens_out:,} out"
    return f"{runs} · {tokens} · {duration(sums.seconds)} · {cost}"
