"""How does the console look? Like a log book: the time in the gutter, one red margin rule, the entry."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rich.box import Box
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from orchestrator.workflow.approval.diff_view import printable_diff

RULE_COLOUR = "#d9674e"
STATUS_COLOURS = {
    "queued": "#8b877d",
    "running": "#4f78cf",
    "review": "#b0720c",
    "done": "#2e9d5f",
    "failed": "#c8473a",
    "dead": "#c8473a",
    "quarantined": "#c8473a",
    "untrusted": "#c8473a",
    "cancelled": "#8b877d",
    "took over": "#9a6fc9",
    "late": "#9a6fc9",
    "live": "#2e9d5f",
    "stale": "#b0720c",
    "offline": "#c8473a",
}
STATUS_LABELS = {"review": "waits for you", "dead": "gave up"}
"""States in the words of a colleague where ours are jargon."""

MARGIN = Box("    \n  │ \n    \n  │ \n    \n    \n  │ \n    \n")
"""No lines but the one between the gutter and the entries."""


class SafeConsole(Console):
    """A console on which texts that others wrote move no cursor, set no title and turn no reading direction."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """What is printed, piece by piece; the control codes of our own styles are no text and stay."""
        for piece in super().render(renderable, options):
            yield piece if piece.control else Segment(printable_diff(piece.text), piece.style)


def console(*, stderr: bool = False) -> Console:
    """A console for people: colours only on a terminal, no markup in texts that others wrote."""
    return SafeConsole(stderr=stderr, highlight=False, markup=False, emoji=False, soft_wrap=False)


def pill(status: str) -> Text:
    """A status in plain words and its colour."""
    return Text(STATUS_LABELS.get(status, status), style=f"bold {STATUS_COLOURS.get(status, '')}".strip())


def margin_table(*, expand: bool = False) -> Table:
    """An empty table of two columns, the gutter and the entry, with the rule between them."""
    return Table(
        box=MARGIN, show_header=False, show_edge=False, border_style=RULE_COLOUR, padding=(0, 1), expand=expand
    )


@dataclass(frozen=True)
class _Entry:
    """A title with its status at the right edge, and below what else there is to say."""

    title: str
    detail: str
    status: str

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        mark = pill(self.status)
        title = Text(printable_diff(" ".join(self.title.split())), style="bold")
        title.truncate(max(1, options.max_width - mark.cell_len), overflow="ellipsis", pad=True)
        yield title.append_text(mark)
        if self.detail:
            yield Text(self.detail, style="dim")


def shift_lines(rows: Iterable[tuple[str, str, str, str]]) -> Table:
    """The signature of the house: (time, title, detail, status) as entries beside the margin rule."""
    table = margin_table(expand=True)
    table.add_column(justify="right", style="dim", no_wrap=True, min_width=6)
    table.add_column(ratio=1)
    for when, title, detail, status in rows:
        table.add_row(when, _Entry(title, detail, status))
    return table
