"""How does the ledger keep a month's measures? A page of Markdown that people read and this program reads back.

Whoever reads it may be reading somebody's own words: a row that is not one is left out, and no count is taken that
cannot be.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from handoff.mined.harmful_items import HarmfulItem
from handoff.secrets.excerpts import redacted_line
from orchestrator.workflow.continuity.month_measures import MonthMeasure, MonthMeasures
from orchestrator.workflow.continuity.proportion import Proportion

FOLDER = "continuity"
MONTH = re.compile(r"20\d\d-(?:0[1-9]|1[0-2])", re.ASCII)
MAX_PAGE_CHARS = 64 * 1024
"""Characters of a page that are read."""
MAX_HARMFUL = 50
"""Items that a page lists."""
FEW = 30
"""Cases below which a page says that they are few."""
_ROW = re.compile(r"\| (?P<name>[^|]{1,120}) \| (?P<count>\d{1,9}) \| (?P<of>\d{1,9}) \|[^\n]*", re.ASCII)
_LIMITS = """\
What this is not: nothing was drawn by chance, and other months had other work, so that one month is above another is no
result. The intervals (Wilson, 95 %) take missions as independent of each other, which those of one project are not
quite: they are rather too narrow. A failure counts as repeated, and a question as answered, by its words alone.
`shiftbook continuity plan` makes the experiment.
"""


@dataclass(frozen=True, kw_only=True)
class MonthRow:
    """What a page tells of its month."""

    month: str
    proportions: Mapping[MonthMeasure, Proportion]


def month_path(month: str) -> str:
    """Where the ledger keeps a month's page."""
    return f"{FOLDER}/{month}.md"


def render_month(found: MonthMeasures, harmful: Mapping[str, Sequence[HarmfulItem]], commit: str) -> str:
    """The page; `harmful` are items by project, `commit` is the ledger's that was measured."""
    return "\n".join(
        [
            f"# Continuity in {found.month}",
            "",
            f"{summary(found)} Measured at commit `{commit}`, of which alone this page is made.",
            "",
            "| measure | count | of | share | 95 % interval |",
            "|---|---:|---:|---:|---|",
            *(
                f"| {one} | {share.count} | {share.of} | {percent(share)} | {interval(share)} |"
                for one, share in found.proportions.items()
            ),
            "",
            _LIMITS,
            "## Items of briefings that hurt",
            "",
            *(_harmful(harmful) or ["None, by the evidence that is asked for."]),
            "",
        ]
    )


def parse_month(text: str, month: str) -> MonthRow:
    """What `render_month` wrote; of a measure that stands twice the first row counts."""
    known = {str(one): one for one in MonthMeasure}
    found: dict[MonthMeasure, Proportion] = {}
    for line in text[:MAX_PAGE_CHARS].splitlines():
        row = _ROW.fullmatch(line)
        if row and row["name"] in known and int(row["count"]) <= int(row["of"]):
            found.setdefault(known[row["name"]], Proportion(count=int(row["count"]), of=int(row["of"])))
    return MonthRow(month=month, proportions=found)


def percent(share: Proportion) -> str:
    """A share in words; a dash where there is none."""
    return "–" if share.share is None else f"{share.share:.0%}"


def interval(share: Proportion) -> str:
    """Its interval in words, and that there are few, where there are."""
    if share.interval is None:
        return "–"
    low, high = share.interval
    return f"{low:.0%} to {high:.0%}{', few' if share.of < FEW else ''}"


def summary(found: MonthMeasures) -> str:
    """The month in a sentence or two."""
    more = [
        f"{found.withdrawn} of them withdrawn" * bool(found.withdrawn),
        f"{found.waiting} more wait{'s' * (found.waiting == 1)} for a person" * bool(found.waiting),
    ]
    told = "".join(f"; {words}" for words in more if words)
    priced = f", {found.unpriced} without a known cost" * bool(found.unpriced)
    cut = " Older entries of the journal than could be looked at at once count as not there." * found.cut
    attempts = f"{_count(found.attempts, 'attempt')}, {found.failed_attempts} failed"
    return (
        f"{_count(found.missions, 'mission')} ended{told}. {attempts}. "
        f"The attempts that ended them cost ${found.cost_usd:,.2f}{priced}.{cut}"
    )


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'s' * (number != 1)}"


def _harmful(harmful: Mapping[str, Iterable[HarmfulItem]]) -> list[str]:
    every = [(project, one) for project, items in sorted(harmful.items()) for one in items]
    return [
        f"- {project}: {_plain(one.text)} [{', '.join(one.cites)}]: {_plain(one.why)}"
        for project, one in every[:MAX_HARMFUL]
    ]


def _plain(words: str) -> str:
    """Words on one line without secrets, that open no comment."""
    return redacted_line(words, 300).replace("<!--", "&lt;!--")
