"""What kind of handoff document is this, and which of its lines speak of now?

A line in a fenced block, a comment or indented code is an example, or shown to nobody; a line in a session's entry
speaks of then. None is held against the project as it is now. All of it takes time in proportion to the text.
"""

from __future__ import annotations

import datetime
import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from handoff.entry import ParsedLog, parse_log
from handoff.hidden_markdown import Span, blotted, hidden_spans, merged, without_comments
from handoff.markdown import Heading, headings

PORTFOLIO, PROJECT, BRIEFING, LOG = (
    "PORTFOLIO_CONTEXT.md",
    "PROJECT_CONTEXT.md",
    "SESSION_BRIEFING.md",
    "SESSION_LOG.md",
)
TIERS = (PORTFOLIO, PROJECT, BRIEFING, LOG)

_TEMPLATE = re.compile(r"(?i)\.template\.|^#\s*template\b")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DATE = re.compile(
    r"(?P<iso>\d{4}-\d\d-\d\d)|(?P<month>[A-Z][a-z]{2})[a-z]*\.? (?P<day>\d{1,2})(?:st|nd|rd|th)?, (?P<year>\d{4})"
)
_BLOT = "\0"  # stands for what is hidden; a document that holds it is reported anyway
_SESSION_HEADING = re.compile(r"(?i)\bsession(?:s| log)?\b")


@dataclass(frozen=True, kw_only=True)
class DocumentLine:
    """A line without what is hidden in it; `number` counts from 1, `now` is False inside a session's entry."""

    number: int
    text: str
    now: bool


@dataclass(frozen=True, kw_only=True)
class HandoffDocument:
    """A file of the repository with its text; `name` is one of `TIERS` for a tier's document."""

    file: str
    text: str

    @property
    def name(self) -> str:
        """The file's name without its folder."""
        return self.file.rpartition("/")[2]

    @property
    def folder(self) -> str:
        """The file's folder, "" for the root."""
        return self.file.rpartition("/")[0]

    @cached_property
    def is_template(self) -> bool:
        """Whether this only shows what a document would look like."""
        return bool(_TEMPLATE.search(self.name) or _TEMPLATE.match(self.text.lstrip("\ufeff")))

    @cached_property
    def log(self) -> ParsedLog:
        """The entries in it, also where it is not a log."""
        return parse_log(self._without_comments)

    @cached_property
    def headings(self) -> tuple[Heading, ...]:
        """Its headings, in order."""
        return tuple(headings(self._without_comments))

    @cached_property
    def lines(self) -> tuple[DocumentLine, ...]:
        """Its lines that are not hidden as a whole (`hidden_markdown`)."""
        shown = blotted(self.text, hidden_spans(self.text), _BLOT).split("\n")
        then = merged([*self._entries, *self._session_sections()])
        lines, place = [], 0
        for number, (text, start) in enumerate(zip(shown, self._line_starts, strict=True), 1):
            while place < len(then) and then[place][1] <= start:
                place += 1
            left = text.replace(_BLOT, "").rstrip()
            if left or _BLOT not in text:
                now = place == len(then) or start < then[place][0]
                lines.append(DocumentLine(number=number, text=left, now=now))
        return tuple(lines)

    @cached_property
    def entry_lines(self) -> tuple[int, ...]:
        """On which line each entry begins."""
        return tuple(self.line_at(start) for start, _ in self._entries)

    def line_at(self, offset: int) -> int:
        """The number of the line that the character at the offset stands on."""
        return bisect_right(self._line_starts, offset)

    @cached_property
    def _line_starts(self) -> list[int]:
        return [0, *(found.end() for found in re.finditer("\n", self.text))]

    @cached_property
    def _without_comments(self) -> str:
        return without_comments(self.text)

    @cached_property
    def _entries(self) -> list[Span]:
        spans, at = [], len(self.log.preamble)
        for entry, gap in zip(self.log.entries, self.log.gaps, strict=True):
            spans.append((at, at + len(entry.raw)))
            at += len(entry.raw) + len(gap)
        return spans

    def _session_sections(self) -> Iterator[Span]:
        """Sections that are headed by a session and a day, in whatever words."""
        following: dict[int, int] = {}  # where the nearest heading of each level below begins
        for head in reversed(self.headings):
            if head.level > 1 and _SESSION_HEADING.search(head.title) and dates(head.title):
                ends = (start for level, start in following.items() if level <= head.level)
                yield head.start, min(ends, default=len(self.text))
            following[head.level] = head.start


def dates(text: str) -> list[datetime.date]:
    """The days that the text names as 2025-12-13 or December 13, 2025."""
    found = []
    for match in _DATE.finditer(text):
        month = match["month"].lower() if match["month"] else ""
        try:
            if match["iso"]:
                found.append(datetime.date.fromisoformat(match["iso"]))
            elif month in _MONTHS:
                found.append(datetime.date(int(match["year"]), _MONTHS.index(month) + 1, int(match["day"])))
        except ValueError:
            continue
    return found
