"""Persons' marks: which lines of a text say that a person confirmed them, and how are those told that nobody signed?"""

from __future__ import annotations

import re
from collections.abc import Set

from handoff.marks.model_mark import BY_PERSON, LABEL

Confirmation = tuple[str, str]
"""The words of a line, and the name of the person who is said to have confirmed them."""

_SAID = f"({LABEL}; confirmed by "
_POINT = re.compile(r"[ \t]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)?")


def person_marks(text: str) -> frozenset[Confirmation]:
    """What persons are said to have confirmed. What stands behind a line's mark, such as the entries that it rests on,
    is none of its words."""
    lines = text.splitlines() if _SAID in text else ()
    return frozenset((_words(line), found["who"]) for line in lines for found in BY_PERSON.finditer(line))


def with_unsigned(text: str, unsigned: Set[Confirmation]) -> str:
    """The text in which these are told as unsigned; all others are as they were."""
    if not unsigned or _SAID not in text:
        return text
    return "".join(_told(line, unsigned) for line in text.splitlines(keepends=True))


def without_unsigned(text: str) -> str:
    """The text as its file has it: that a mark is unsigned is for readers, and the next one looks again."""
    return BY_PERSON.sub(lambda found: found[0].replace(", unsigned)*", ")*"), text) if _SAID in text else text


def _told(line: str, unsigned: Set[Confirmation]) -> str:
    words = _words(line)

    def told(found: re.Match[str]) -> str:
        is_new = found["unsigned"] is None and (words, found["who"]) in unsigned
        return found[0].removesuffix(")*") + ", unsigned)*" if is_new else found[0]

    return BY_PERSON.sub(told, line)


def _words(line: str) -> str:
    """What stands before its mark, without the point and without care for spaces."""
    before = line.partition("*(" + LABEL)[0]
    return " ".join(before[len(found[0]) if (found := _POINT.match(before)) else 0 :].split())
