"""Where are the headings and fences of a Markdown text, and how is a text kept from being taken for either?

Both the log and the tier documents are cut along their headings; a heading inside a fenced block is an example.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import dropwhile

_MARK = re.compile(
    r"^(?: {0,3}(?P<fence>`{3,}|~{3,})(?P<info>[^\n]*)|(?P<hashes>#{1,6})[ \t]+(?P<title>[^\n]*))$", re.MULTILINE
)
_STRUCTURE = re.compile(r"\s*(?:#|>|<|`{3}|~{3}|=+\s*$|-{2,}\s*$|\*{3,}\s*$|_{3,}\s*$|\*\*[^*]+\*\*:?\s*$)")


@dataclass(frozen=True, kw_only=True)
class Heading:
    """A heading line outside every fence; `end` is where its line ends, before the line break."""

    start: int
    end: int
    level: int
    title: str


def tidy(body: str) -> str:
    """The body with plain line breaks, without blank lines before and without white space after it."""
    lines = dropwhile(lambda line: not line.strip(), body.splitlines())
    return "\n".join(lines).rstrip()


def quoted(body: str, *, always: bool = False) -> str:
    """The body, as a block quote if any of its lines could be taken for structure; `unquoted` takes it back."""
    lines = body.split("\n")
    if not (always or any(_STRUCTURE.match(line) for line in lines)):
        return body
    return "\n".join(f"> {line}" if line else ">" for line in lines)


def unquoted(body: str) -> str:
    """What `quoted` was given; text that is not a block quote throughout is returned as it is."""
    lines = body.split("\n")
    if not all(line.startswith(">") for line in lines):
        return body
    return "\n".join(line[2:] if line.startswith("> ") else line[1:] for line in lines)


def headings(text: str) -> list[Heading]:
    """Every `#` heading that stands outside a fence."""
    outside, _ = _marks(text)
    return [
        Heading(start=mark.start(), end=mark.end(), level=len(mark["hashes"]), title=mark["title"].strip())
        for mark in outside
        if mark["hashes"]
    ]


def fences(text: str) -> list[tuple[int, int]]:
    """Where fenced blocks stand, from the opening line to the end of the closing one.

    A fence that is never closed is no fence: a forgotten one must not hide the rest of a log.
    """
    return _marks(text)[1]


def open_fence(text: str) -> str:
    """The first fence that is opened and never closed, such as "```", or "" if there is none."""
    return next((mark["fence"] for mark in _marks(text)[0] if mark["fence"] and _may_open(mark)), "")


def _marks(text: str) -> tuple[list[re.Match[str]], list[tuple[int, int]]]:
    """Headings and fence lines outside fenced blocks, and the span of each such block (CommonMark 4.5)."""
    marks = list(_MARK.finditer(text))
    outside: list[re.Match[str]] = []
    spans: list[tuple[int, int]] = []
    never_closed: dict[str, int] = {}  # per fence character the shortest; spares a search to the end for each
    place = 0
    while place < len(marks):
        mark, fence = marks[place], marks[place]["fence"] or ""
        closing = None
        if _may_open(mark) and len(fence) < never_closed.get(fence[0], len(text)):
            closing = next((at for at in range(place + 1, len(marks)) if _closes(marks[at], fence)), None)
            if closing is None:
                never_closed[fence[0]] = len(fence)
        if closing is None:
            outside.append(mark)
        else:
            spans.append((mark.start(), marks[closing].end()))
            place = closing
        place += 1
    return outside, spans


def _may_open(mark: re.Match[str]) -> bool:
    return bool(mark["fence"]) and not (mark["fence"][0] == "`" and "`" in mark["info"])


def _closes(mark: re.Match[str], fence: str) -> bool:
    return bool(mark["fence"]) and mark["fence"].startswith(fence) and not mark["info"].strip()
