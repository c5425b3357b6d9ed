"""Persons' marks: which lines of a text say that a person confirmed them, and how are those told that nobody signed?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Set
from hashlib import sha256

from handoff.markdown import headings
from handoff.marks.model_mark import BY_PERSON, LABEL, without_marks

Confirmation = tuple[str, str, str]
"""The words of a line, the name of the person who is said to have confirmed them, and the section that it stands in:
the same words below *Dead ends* say something else."""

_SAID = f"({LABEL}; confirmed by "
_POINT = re.compile(r"[ \t]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)?")


def person_marks(text: str) -> frozenset[Confirmation]:
    """What persons are said to have confirmed. What stands behind a mark, such as the entries that a line rests on, is
    none of its words; all that stands before it is, also behind another mark: that is told by its digest."""
    lines = _lines(text) if _SAID in text else ()
    return frozenset((words, found["who"], section) for line, section in lines for found, words in _marks(line))


def with_unsigned(text: str, unsigned: Set[Confirmation]) -> str:
    """The text in which these are told as unsigned; all others are as they were."""
    if not unsigned or _SAID not in text:
        return text
    return "\n".join(_told(line, section, unsigned) for line, section in _lines(text))


def without_unsigned(text: str) -> str:
    """The text as its file has it: that a mark is unsigned is for readers, and the next one looks again."""
    return BY_PERSON.sub(lambda found: found[0].replace(", unsigned)*", ")*"), text) if _SAID in text else text


def _lines(text: str) -> Iterator[tuple[str, str]]:
    """Each line with the title above it."""
    titles, at, section = {each.start: each.title for each in headings(text)}, 0, ""
    for line in text.split("\n"):
        section = titles.get(at, section)
        yield line, section
        at += len(line) + 1


def _told(line: str, section: str, unsigned: Set[Confirmation]) -> str:
    pieces, at = [], 0
    for found, words in _marks(line):
        is_new = found["unsigned"] is None and (words, found["who"], section) in unsigned
        pieces += [line[at : found.start()], found[0].removesuffix(")*") + ", unsigned)*" if is_new else found[0]]
        at = found.end()
    return "".join([*pieces, line[at:]])


def _marks(line: str) -> Iterator[tuple[re.Match[str], str]]:
    """The line's marks, each with the words before it: without the point, other marks and care for spaces. A line of
    many marks is read once: of what stands behind another mark the words are a digest."""
    words, at = "", 0
    for number, found in enumerate(BY_PERSON.finditer(line)):
        piece = without_marks(line[at : found.start()])
        at = found.end()
        if number == 0:
            words = " ".join(piece[len(point[0]) if (point := _POINT.match(piece)) else 0 :].split())
        elif more := " ".join(piece.split()):
            words = sha256(f"{words}\0{more}".encode("utf-8", "surrogatepass")).hexdigest()
        yield found, words
