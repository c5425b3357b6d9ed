"""Which parts of a Markdown text are hidden from its statements: fenced blocks, comments, indented code?

A rule that reads them would hold an example, or what nobody is shown, against the project as it is now.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator

_OPENING = re.compile(r"^ {0,3}(?P<fence>`{3,}(?=[^`\n]*$)|~{3,})[^\n]*$|(?P<comment><!--)|(?P<ticks>`+)", re.MULTILINE)
_MARKER = re.compile(r"(?:[-*+]|\d{1,9}[.)])(?:[ \t]+|$)")
_NO_PARAGRAPH = re.compile(r"#{1,6}(?:\s|$)|(?:[-*_][ \t]*){3,}$")
_CODE_INDENT = 4

Span = tuple[int, int]
"""From the first character to the one after the last."""


def hidden_spans(text: str) -> list[Span]:
    """The hidden parts in their order; none overlaps another. A fence or comment that is never closed hides nothing."""
    blocks = [(start, end) for start, end, _ in _blocks(text)]
    return merged([*blocks, *_indented_code(text, blocks)])


def merged(spans: Iterable[Span]) -> list[Span]:
    """The spans in their order, those that overlap as one."""
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start < found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


def without_comments(text: str) -> str:
    """The text with blanks for each comment of several lines, so that every other character keeps its place."""
    comments = [(start, end) for start, end, is_comment in _blocks(text) if is_comment and "\n" in text[start:end]]
    return blotted(text, comments, " ")


def blotted(text: str, spans: Iterable[Span], blot: str) -> str:
    """The text with a blot for each character within the spans; line breaks stay."""
    pieces, at = [], 0
    for start, end in spans:
        pieces += [text[at:start], re.sub(r"[^\n]", blot, text[start:end])]
        at = end
    return "".join([*pieces, text[at:]])


def _blocks(text: str) -> Iterator[tuple[int, int, bool]]:
    """Fenced blocks and comments; the last value says whether it is a comment. Marks in code spans are no marks."""
    at = 0
    unclosed: set[str] = set()  # what has no end below; spares a search to the end of the text for each
    while opening := _OPENING.search(text, at):
        mark, at = opening[0] if opening["comment"] else opening["fence"] or opening["ticks"], opening.end()
        end = -1 if mark in unclosed else _end(text, opening, mark)
        if end >= 0:
            at = end
            if not opening["ticks"]:
                yield opening.start(), end, bool(opening["comment"])
        elif not opening["ticks"]:
            unclosed.add(mark)


def _end(text: str, opening: re.Match[str], mark: str) -> int:
    """Where what is opened here ends, -1 for nowhere; a code span ends on its line."""
    if opening["comment"]:
        end = text.find("-->", opening.end())
        return end + 3 if end >= 0 else -1
    if opening["ticks"]:
        line_end = text.find("\n", opening.end())
        closing = re.compile(rf"(?<!`){mark}(?!`)").search(
            text, opening.end(), line_end if line_end >= 0 else len(text)
        )
    else:
        closing = re.compile(rf"^ {{0,3}}{mark}{mark[0]}*[ \t]*$", re.MULTILINE).search(text, opening.end())
    return closing.end() if closing else -1


def _indented_code(text: str, blocks: list[Span]) -> Iterator[Span]:
    """Lines that are indented by four more than the list item they stand in, and that continue no paragraph."""
    starts = [start for start, _ in blocks]
    items: list[int] = []  # how far the text of each open list item is indented
    at, in_paragraph = 0, False
    for line in text.split("\n"):
        start, at = at, at + len(line) + 1
        place = bisect_right(starts, start) - 1
        if (place >= 0 and start < blocks[place][1]) or not line.strip():
            in_paragraph = False
            continue
        words = line.expandtabs(4).lstrip()
        indent = len(line.expandtabs(4)) - len(words)
        while items and indent < items[-1]:
            items.pop()
        if not in_paragraph and indent >= (items[-1] if items else 0) + _CODE_INDENT:
            yield start, start + len(line)
            continue
        if marker := _MARKER.match(words):
            items.append(indent + len(marker[0]))
        in_paragraph = not _NO_PARAGRAPH.match(words)
