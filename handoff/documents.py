"""What kind of handoff document is this, and which of its lines speak of now?

A line in a fenced block is an example; a line in a session's entry speaks of then. Neither is held against the project
as it is now.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from handoff.entry import ParsedLog, parse_log
from handoff.markdown import Heading, fences, headings

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
_SESSION_HEADING = re.compile(r"(?i)\bsession(?:s| log)?\b")


@dataclass(frozen=True, kw_only=True)
class DocumentLine:
    """A line outside fenced blocks; `number` counts from 1, `now` is False inside a session's entry."""

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
        return parse_log(self.text)

    @cached_property
    def headings(self) -> tuple[Heading, ...]:
        """Its headings, in order."""
        return tuple(headings(self.text))

    @cached_property
    def lines(self) -> tuple[DocumentLine, ...]:
        """Its lines outside fenced blocks."""
        hidden, then = fences(self.text), [*self._entries(), *self._session_sections()]
        lines, at = [], 0
        for number, text in enumerate(self.text.split("\n"), 1):
            if not any(start <= at < end for start, end in hidden):
                now = not any(start <= at < end for start, end in then)
                lines.append(DocumentLine(number=number, text=text.rstrip(), now=now))
            at += len(text) + 1
        return tuple(lines)

    @cached_property
    def entry_lines(self) -> tuple[int, ...]:
        """On which line each entry begins."""
        return tuple(self.line_at(start) for start, _ in self._entries())

    def line_at(self, offset: int) -> int:
        """The number of the line that the character at the offset stands on."""
        return self.text.count("\n", 0, offset) + 1

    def _entries(self) -> list[tuple[int, int]]:
        spans, at = [], len(self.log.preamble)
        for entry, gap in zip(self.log.entries, self.log.gaps, strict=True):
            spans.append((at, at + len(entry.raw)))
            at += len(entry.raw) + len(gap)
        return spans

    def _session_sections(self) -> Iterator[tuple[int, int]]:
        """Sections that are headed by a session and a day, in whatever words."""
        for place, head in enumerate(self.headings):
            if head.level > 1 and _SESSION_HEADING.search(head.title) and dates(head.title):
                following = (one.start for one in self.headings[place + 1 :] if one.level <= head.level)
                yield head.start, next(following, len(self.text))


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
