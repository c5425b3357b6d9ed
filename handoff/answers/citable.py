"""Citable lines: which statements of a document can an answer cite, and under what name?"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from handoff.entry import Entry
from handoff.hidden_markdown import without_comments

MAX_LINE_CHARS = 600
"""Characters of a line that is shown; a longer paragraph is cited by its sentences."""
_HEADING = re.compile(r"(#{1,6})\s+(.*?)\s*#*")
_POINT = re.compile(r"\A\s*(?:[-*+]|\d{1,9}[.)])\s+")
_FENCE = re.compile(r"\s*(?:```|~~~)")
_ROW = re.compile(r"\s*\|.*\|\s*")
_RULE = re.compile(r"[\s|:*_=-]+")
SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z`*“\"(])")


@dataclass(frozen=True, kw_only=True)
class CitableLine:
    """A statement with the place where it stands: `file:line`, or an entry of the log.

    `about` are the headings above it: what it speaks of without saying so.
    """

    text: str
    cite: str
    about: str = ""

    @property
    def path(self) -> str:
        """The file, or the entry."""
        return self.cite.rpartition(":")[0] or self.cite

    def shown(self) -> str:
        """As an answer shows it."""
        return f"{self.text} [{self.cite}]"


def document_lines(path: str, text: str) -> tuple[CitableLine, ...]:
    """The statements of a Markdown document, each under `path:line`."""
    return tuple(_cited(text, lambda number: f"{path}:{number}", ""))


def entry_lines(entry: Entry) -> Iterator[CitableLine]:
    """The statements of a log entry, each under the entry's id."""
    label = " ".join(filter(None, (entry.title, entry.mission, entry.node, entry.when[:10])))
    for heading, body in entry.sections:
        yield from _cited(body, lambda _: f"entry {entry.entry_id}", f"{label} {heading}")


def spoken_line(text: str, cite: str) -> Iterator[CitableLine]:
    """What somebody said, sentence by sentence, under one name."""
    for line in text.splitlines():
        for sentence in SENTENCE.split(line.strip()):
            if sentence:
                yield CitableLine(text=sentence[:MAX_LINE_CHARS], cite=cite)


@lru_cache(maxsize=64)
def _pieces(text: str) -> tuple[tuple[int, str, tuple[str, ...]], ...]:
    """The document's statements: first line, text in one line, headings above it."""
    found: list[tuple[int, str, tuple[str, ...]]] = []
    heads: list[tuple[int, str]] = []
    gathered: list[str] = []
    begun, fenced, table = 0, False, ""

    def close() -> None:
        if gathered:
            found.append((begun, " ".join(gathered), tuple(title for _, title in heads)))
            gathered.clear()

    for number, line in enumerate(without_comments(text).splitlines(), 1):
        heading = None if fenced else _HEADING.fullmatch(line)
        row = not fenced and _ROW.fullmatch(line) is not None
        table = (table or line) if row else ""
        if _FENCE.match(line):
            close()
            fenced = not fenced
        elif heading:
            close()
            heads = [one for one in heads if one[0] < len(heading[1])] + [(len(heading[1]), heading[2])]
        elif not line.strip() or _RULE.fullmatch(line) or line.lstrip().startswith("<!--"):
            close()
        else:
            if fenced or row or _POINT.match(line):
                close()
            begun = begun if gathered else number
            gathered.append(_POINT.sub("", line, count=1).strip() if not fenced else line.strip())
            if row and table != line:
                gathered[-1] = " · ".join(cell.strip() for cell in gathered[-1].strip("|").split("|"))
            if fenced or row:
                close()
    close()
    return tuple(found)


def _cited(text: str, name: Callable[[int], str], about: str) -> Iterator[CitableLine]:
    for number, said, heads in _pieces(text):
        parts: Sequence[str] = SENTENCE.split(said) if len(said) > MAX_LINE_CHARS else (said,)
        for part in parts:
            yield CitableLine(text=part[:MAX_LINE_CHARS], cite=name(number), about=" ".join((about, *heads)).strip())
