"""Which plain fields can be read without a YAML parser, because they can mean one thing only?

The front matter that this product writes, and most that people write: `key: value` lines, each value a bare word or
sentence, a text in quotes, or a list of words on one line. Whatever else YAML knows makes `read_plain` give up, and the
parser reads it; what both read they read alike (`tests/missions/test_plain_fields.py`). PyYAML takes 20 times as long.
"""

from __future__ import annotations

import json
import re

Fields = dict[str, object]
Lines = dict[str, int]
"""Per key: its line in the file; the fence is line 1."""
Spans = dict[str, tuple[int, int, int, int]]
"""Per key: offsets in the head of the value's first and last character, and of its lines' start and end."""

MAX_HEAD_CHARS = 64 * 1024
"""Most characters of a front matter."""

_LETTERS = r"\xa1-\u1fff\u2030-\ud7ff"
"""What YAML takes for a letter like any other beside ASCII: printable, no mark of bytes, and no line's end."""
_WORD = r"[A-Za-z0-9_./][A-Za-z0-9_./-]*+"
_BARE = rf"(?:[A-Za-z0-9_./{_LETTERS}]|[-:](?![ \n]))(?:[ -\"$-9;-~{_LETTERS}]++|:(?![ \n])|(?<! )#)*+(?<! )"
_QUOTED = rf'"(?:[ !#-\[\]-~{_LETTERS}]++|\\["\\/bfnrt])*+"'
_RAW = rf"'[ -&(-~{_LETTERS}]*+'"
_LIST = rf"\[(?:{_WORD}(?:, {_WORD})*+)?\]"
_LINE = re.compile(rf"([A-Za-z_][A-Za-z0-9_-]{{0,63}}): ({_BARE}|{_QUOTED}|{_RAW}|{_LIST})\n")
_NULLS = frozenset({"null", "Null", "NULL"})


def read_plain(head: str) -> tuple[Fields, Lines, Spans] | None:
    """The fields between the fences with their places; None where only a parser can say what they are."""
    fields: Fields = {}
    lines: Lines = {}
    spans: Spans = {}
    at = 0 if len(head) <= MAX_HEAD_CHARS else len(head)
    for number, found in enumerate(iter(lambda: _LINE.match(head, at), None), start=2):
        key, written = found.groups()
        if key in fields or key in _NULLS:
            return None
        value = _value(written)
        if value is None:
            return None
        fields[key], lines[key] = value, number
        spans[key] = (*found.span(2), found.start(), found.end())
        at = found.end()
    return (fields, lines, spans) if fields and at == len(head) else None


def _value(written: str) -> str | list[str] | None:
    """What is written; None for what means nothing, which is a value too."""
    first = written[0]
    if first == '"':
        return str(json.loads(written)) if "\\" in written else written[1:-1]
    if first == "'":
        return written[1:-1]
    if first != "[":
        return None if written in _NULLS else written
    words = written[1:-1].split(", ") if len(written) > len("[]") else []
    return None if _NULLS & set(words) else words
