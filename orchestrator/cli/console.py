"""How does the console look? Like a log book: the time in the gutter, one red margin rule, the entry."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.box import Box
from rich.cells import cell_len, chop_cells, set_cell_size
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.segment import Segment
from rich.text import Text

from orchestrator.workflow.approval.diff_view import printable_diff

if TYPE_CHECKING:  # few screens draw one, and a page of a mission is drawn without it
    from rich.table import Table

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
    "conflict": "#b0720c",
    "digest": "#b0720c",
    "question": "#b0720c",
    "live": "#2e9d5f",
    "stale": "#b0720c",
    "offline": "#c8473a",
}
STATUS_LABELS = {"review": "waits for you", "dead": "gave up", "question": "asks you"}
"""States in the words of a colleague where ours are jargon."""

MIN_GUTTER_COLUMNS = 6
"""A time and its day, such as 03 Nov."""
MAX_COLUMNS = 100
"""A line that is longer is hard to read, and its state stands too far from its title."""
PIECES = re.compile(r"\s+|(?:`[^`]*`|[^\s`]|`)+")
"""A text's blanks and words; what stands between backticks is one, with what touches it."""
GAP = "  "
"""Between a title and its state."""
MARGIN = Box("    \n  │ \n    \n  │ \n    \n    \n  │ \n    \n")
"""No lines but the one between the gutter and the entries."""


class SafeConsole(Console):
    """A console on which texts that others wrote move no cursor, set no title and turn no reading direction."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """What is printed, piece by piece; the control codes of our own styles are no text and stay."""
        for piece in super().render(renderable, options):
            safe = piece.control or piece.text.isprintable() or piece.text == "\n"
            yield piece if safe else Segment(printable_diff(piece.text), piece.style)


def console(*, stderr: bool = False) -> Console:
    """A console for people: colours only on a terminal, no markup in texts that others wrote."""
    found = SafeConsole(stderr=stderr, highlight=False, markup=False, emoji=False, soft_wrap=False)
    found.width = min(found.width, MAX_COLUMNS)
    return found


def pill(status: str) -> Text:
    """A status in plain words and its colour."""
    return Text(STATUS_LABELS.get(status, status), style=f"bold {STATUS_COLOURS.get(status, '')}".strip())


def margin_table(*, expand: bool = False) -> Table:
    """An empty table of two columns, the gutter and the entry, with the rule between them."""
    from rich.table import Table

    return Table(
        box=MARGIN, show_header=False, show_edge=False, border_style=RULE_COLOUR, padding=(0, 1), expand=expand
    )


@dataclass(frozen=True)
class ShiftLines:
    """The signature of the house: (time, title, detail, status) as entries beside the margin rule.

    The title has its status at the right edge, and below what else there is to say. Drawn line by line: a table of
    Rich's measures each cell several times, which is most of what listing a thousand missions would take.
    """

    rows: tuple[tuple[str, str, str, str], ...]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        gutter = max([MIN_GUTTER_COLUMNS, *(cell_len(when) for when, *_ in self.rows)])
        room = max(1, options.max_width - gutter - 5)  # a blank on each side of gutter and text, and the rule
        styles = {name: console.get_style(name) for name in ("bold", "dim", RULE_COLOUR)}
        rule, end = Segment("\u2502 ", styles[RULE_COLOUR]), Segment.line()
        for when, title, detail, status in self.rows:
            mark = pill(status)
            words = printable_diff(" ".join(title.split()))
            yield from (Segment(f" {when:>{gutter}} ", styles["dim"]), rule)
            if mark:
                yield Segment(_fitted(words, max(1, room - mark.cell_len - len(GAP))) + GAP, styles["bold"])
                yield from (Segment(mark.plain, console.get_style(mark.style)), end)
            else:
                yield from (Segment(_fitted(words, room).rstrip(), styles["bold"]), end)
            for line in unbroken_lines(printable_diff(detail), room) if detail else ():
                if cell_len(line) <= room:
                    yield from (Segment(" " * (gutter + 2)), rule, Segment(line, styles["dim"]), end)
                else:
                    yield from (Segment(shifted(line, gutter + 4, options.max_width), styles["dim"]), end)


def _fitted(text: str, columns: int) -> str:
    """A text in so many columns: padded, or cut with an ellipsis."""
    return set_cell_size(text, columns) if cell_len(text) <= columns else f"{set_cell_size(text, columns - 1)}\u2026"


def unbroken_lines(text: str, columns: int) -> Iterator[str]:
    """A text in lines of so many columns, broken between words alone: never in a command between backticks, nor in a
    word such as a path. What is longer than a line stands on one of its own. Leading blanks stay."""
    for line in text.split("\n"):
        taken, blanks = "", ""
        for piece in PIECES.findall(line):
            if piece.isspace():
                blanks = piece
            elif not taken or cell_len(taken + blanks + piece) <= columns:
                taken, blanks = taken + blanks + piece, ""
            else:
                yield from _foldable(taken, columns)
                taken, blanks = piece, ""
        yield from _foldable(taken, columns)


def _foldable(line: str, columns: int) -> Iterator[str]:
    """A line; one of a script that is written without blanks has to end somewhere."""
    if cell_len(line) <= columns or line.isascii() or "`" in line:
        yield line
    else:
        yield from chop_cells(line, columns)


def shifted(words: str, column: int, width: int) -> str:
    """A line that does not fit from this column on, further left and without what stands beside it: whoever copies a
    command or a path gets it whole."""
    return " " * min(column, max(0, width - cell_len(words))) + words


def column_lines(rows: Sequence[Sequence[str]], width: int) -> Iterator[Text]:
    """Rows of short facts as lines: the first fact bold, each column as wide as its widest, none past `width`."""
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [set_cell_size(printable_diff(cell), wide) for cell, wide in zip(row, widths, strict=True)]
        line = Text("  ".join(cells).rstrip(), no_wrap=True)
        line.stylize("bold", 0, len(cells[0]))
        line.truncate(width, overflow="ellipsis")
        yield line


def shift_lines(rows: Iterable[tuple[str, str, str, str]]) -> ShiftLines:
    """Entries of the log book."""
    return ShiftLines(tuple(rows))
