"""How does a diff look in a terminal: its files with what their lines do not say, then the lines in colour?"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence

import click
from rich.console import Console, RenderableType
from rich.text import Text

from orchestrator.cli import terminal
from orchestrator.cli.console import console
from orchestrator.workflow.approval.diff_view import FileChange, printable_diff, printable_name

DIFF_COLOURS = {"+": "#2e9d5f", "-": "#c8473a", "@": "#4f78cf"}
"""The colours of the design's diffs, bright enough on a dark terminal and dark enough on a light one."""
PAGER_OPTIONS = "-FRX"
"""What less is told where nobody said anything else, as Git does: no page for what fits, colours, no second screen."""
HASHES = re.compile(r"^(index )([0-9a-f]{7})[0-9a-f]*\.\.([0-9a-f]{7})[0-9a-f]*")
"""A diff that can be applied without its repository needs the whole hashes; nobody reads them."""
HEADER_PREFIXES = ("index ", "--- ", "+++ ", "old mode ", "new mode ", "new file ", "deleted file ", "rename ")


def file_summary(found: Sequence[FileChange]) -> Text:
    """The files with their lines, and what their lines do not say."""
    out = Text(no_wrap=True)
    names = [printable_name(one.path) for one in found]
    wide = min(60, max(map(len, names), default=0))
    for name, one in zip(names, found, strict=True):
        out.append(f" {name:<{wide}}  ")
        out.append(f"+{one.added}", style=DIFF_COLOURS["+"])
        out.append(" ")
        out.append(f"−{one.removed}", style=DIFF_COLOURS["-"])
        out.append(f"  {printable_name(', '.join(one.notes))}\n" if one.notes else "\n", style="bold #b0720c")
    added, removed = sum(one.added for one in found), sum(one.removed for one in found)
    out.append(f" {len(found)} file{'s' * (len(found) != 1)}, +{added} −{removed} lines", style="dim")
    return out


def diff_lines(diff: str) -> list[Text]:
    """A diff's lines in their colours. Below its first `@@` a file has no headers, whatever a line looks like."""
    found, heads, short = [], True, terminal.for_people()
    for line in printable_diff(diff.rstrip("\n")).split("\n"):
        starts = line.startswith("diff --git ")
        heads = starts or (heads and not line.startswith("@@ "))
        style = (
            "bold"
            if starts
            else "dim"
            if heads and line.startswith(HEADER_PREFIXES)
            else DIFF_COLOURS.get(line[:1], "")
        )
        found.append(Text(no_wrap=True).append(HASHES.sub(r"\1\2..\3", line) if heads and short else line, style=style))
    return found


def print_lines(lines: Sequence[RenderableType], *, paged: bool = False) -> None:
    """As they are, broken by the terminal alone; with `paged`, on a terminal, through its pager."""
    out = console()
    if not (paged and sys.stdout.isatty() and sys.stdin.isatty()):
        _print_all(out, lines)
        return
    with out.capture() as page:
        _print_all(out, lines)
    options = os.environ.get("LESS", PAGER_OPTIONS)
    os.environ["LESS"] = f"-{options}" if options[:1].isalpha() else options  # click looks for R behind a hyphen only
    click.echo_via_pager(
        page.get().removesuffix("\n")
    )  # which takes the colours out again for a pager that would spell them


def _print_all(out: Console, lines: Sequence[RenderableType]) -> None:
    whole = not terminal.for_people()  # into a pipe, where nothing is broken
    for line in lines:
        out.print(line, soft_wrap=whole or getattr(line, "no_wrap", False), crop=False)
