"""Which plain fields can be read without a YAML parser, because they can mean one thing only?

The front matter that this product writes, and most that people write: `key: value` lines, each value a bare word or
sentence, a text in quotes, or a list of words on one line. Whatever else YAML knows makes `read_plain` give up, and the
parser reads it; what both read they read alike (`tests/missions/test_plain_fields.py`). PyYAML takes 20 times as long.
"""

from __future__ import annotations

import re

from missions.plain_data import read_json

Fields = dict[str, object]
Lines = dict[str, int]
"""Per key: its line in the file; the fence is line 1."""
Spans = dict[str, tuple[int, int, int, int]]
"""Per key: offsets in the head of the value's first and last character, and of its lines' start and end."""

MAX_HEAD_CHARS = 64 * 1024
"""Most characters of a front matter."""
MAX_SHOWN_CHARS = 80
"""Most characters of a value that are shown in quotes."""

_WORD = r"[A-Za-z0-9_./][A-Za-z0-9_./-]*+"
_BARE = r"""(?:[^\s\-?:,\[\]{}#&*!|>'"%@`]|[-?:](?![ \n]))(?>(?:[^:#\n]++|:(?![ \n])|(?<! )#)*)(?<! )"""
# An atomic group, not a possessive `*+`: with a look behind in it Python 3.11.2, Debian 12's, matches nothing.
_QUOTED = r'"(?:[^"\\\n]++|\\["\\/bfnrt])*+"'
_RAW = r"'[^'\n]*+'"
_LIST = rf"\[(?:{_WORD}(?:, {_WORD})*+)?\]"
_LINE = re.compile(rf"([A-Za-z_][A-Za-z0-9_-]{{0,63}}): ({_BARE}|{_QUOTED}|{_RAW}|{_LIST})\n")
_NULLS = frozenset({"~", "null", "Null", "NULL"})


def read_plain(head: str) -> tuple[Fields, Lines, Spans] | None:
    """The fields between the fences with their places; None where only a parser can say what they are.

    Every character that Python calls printable is one to YAML, too, and ends no line and is no mark of bytes.
    """
    if len(head) > MAX_HEAD_CHARS or not head.replace("\n", "").isprintable():
        return None
    fields: Fields = {}
    lines: Lines = {}
    spans: Spans = {}
    at = 0
    while found := _LINE.match(head, at):
        key, written = found.groups()
        if key in fields or key in _NULLS:
            return None
        value = _value(written)
        if value is None:
            return None
        fields[key], lines[key] = value, len(lines) + 2
        spans[key] = (*found.span(2), found.start(), found.end())
        at = found.end()
    return (fields, lines, spans) if fields and at == len(head) else None


def _value(written: str) -> str | list[str] | None:
    """What is written; None for what means nothing, which is a value too."""
    first = written[0]
    if first == '"':
        return str(read_json(written)) if "\\" in written else written[1:-1]
    if first == "'":
        return written[1:-1]
    if first != "[":
        return None if written in _NULLS else written
    words = written[1:-1].split(", ") if len(written) > len("[]") else []
    return None if _NULLS & set(words) else words
