"""How does a node's page show what it spent, for people and for other nodes?

A Markdown table, a row for each day, project, agent and model. Whoever reads it may be reading a hostile node's page:
a row that is not one is counted and left out, and no number is taken that no fleet could spend.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from missions.one_line import printable
from orchestrator.core.ports.usage import Spend, UsageTotals
from orchestrator.workflow.spending.totals import fit_rows

HEADING = "## Spent"
MAX_ROWS = 300
"""So many rows stand on a page: some 30 KB."""
MAX_DAYS = 35
"""So many days are told: the longest month, and a few more to compare with."""
MAX_PAGE_CHARS = 512 * 1024
"""Characters of a page that are looked at, and"""
MAX_ROWS_READ = 2000
"""rows in them."""
COLUMNS = ("day", "project", "agent", "model", "runs", "tokens in", "cached", "out", "seconds", "USD", "no price")
MAX_TOKENS_OR_RUNS = 10**15
"""The most tokens or runs that one row may tell,"""
MAX_SECONDS, MAX_USD = 1e9, 1e7
"""and the most seconds and dollars."""
_WHOLE = re.compile(r"[0-9]{1,16}", re.ASCII)
_NUMBER = re.compile(r"[0-9]{1,16}(?:\.[0-9]{1,9})?", re.ASCII)
_DAY = re.compile(r"20[0-9]{2}-[0-9]{2}-[0-9]{2}", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class SpendTable:
    """What a page tells. `odd` rows could not be taken."""

    rows: tuple[Spend, ...] = ()
    odd: int = 0


def render_table(rows: Iterable[Spend]) -> str:
    """The table with its heading; empty where nothing was spent."""
    shown = [row for row in fit_rows(rows, MAX_ROWS) if row.totals.runs]
    if not shown:
        return ""
    head = [f"| {' | '.join(COLUMNS)} |", f"|{'---|' * len(COLUMNS)}"]
    return "\n".join([HEADING, "", *head, *(_format_row(row) for row in shown)]) + "\n"


def parse_table(text: str, node: str, today: date) -> SpendTable:
    """What `render` wrote into the page of `node`."""
    _, found, table = text[:MAX_PAGE_CHARS].partition(f"\n{HEADING}\n")
    lines = [line for line in table.splitlines() if line.startswith("|")][2 : MAX_ROWS_READ + 2] if found else []
    rows: dict[tuple[object, ...], Spend] = {}
    for line in lines:
        row = _parse_row(line, node, today)
        if row is not None:
            rows[row.day, row.project, row.agent, row.model] = row  # the same words twice: the later row counts
    return SpendTable(rows=tuple(rows.values()), odd=len(lines) - len(rows))


def _format_row(row: Spend) -> str:
    sums = row.totals
    words = [f"{row.day}", *(_escape_cell(word) for word in (row.project, row.agent, row.model))]
    tokens = [sums.runs, sums.tokens_in, sums.tokens_cached, sums.tokens_out]
    numbers = [*(str(number) for number in tokens), f"{sums.seconds:.1f}", f"{sums.cost_usd:.6f}", str(sums.unpriced)]
    return f"| {' | '.join([*words, *numbers])} |"


def _escape_cell(word: str) -> str:
    """A name without what would end its cell."""
    return printable(word[:80], instead="/").replace("|", "/").strip()


def _parse_row(line: str, node: str, today: date) -> Spend | None:
    cells = [cell.strip() for cell in line.strip().strip("|").split("|")] if len(line) < 1000 else []
    if len(cells) != len(COLUMNS) or not _DAY.fullmatch(cells[0]):
        return None
    whole = [int(cell) if _WHOLE.fullmatch(cell) else MAX_TOKENS_OR_RUNS + 1 for cell in (*cells[4:8], cells[10])]
    seconds, usd = (float(cell) if _NUMBER.fullmatch(cell) else math.inf for cell in cells[8:10])
    try:
        day = date.fromisoformat(cells[0])
    except ValueError:
        return None
    runs, tokens_in, cached, tokens_out, unpriced = whole
    sane = max(whole) <= MAX_TOKENS_OR_RUNS and seconds <= MAX_SECONDS and usd <= MAX_USD and unpriced <= runs
    if not sane or not today - timedelta(days=400) <= day <= today + timedelta(days=1):
        return None
    totals = UsageTotals(
        runs=runs,
        tokens_in=tokens_in,
        tokens_out=tokens_out,
        tokens_cached=cached,
        seconds=seconds,
        cost_usd=usd,
        unpriced=unpriced,
    )
    words = (_escape_cell(cell) for cell in cells[1:4])
    return Spend(day=day, node=node, **dict(zip(("project", "agent", "model"), words, strict=True)), totals=totals)
