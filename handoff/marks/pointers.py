"""Pointers: what is an instance told of a line that a model proposed and nobody has confirmed?

What the line is about, and where it stands; not what it says. An instance that has not read the words cannot repeat
them, so that a second outcome that says the same is worth something.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from handoff.marks.model_mark import LABEL, awaits_confirmation, split_mark
from missions.one_line import printable, shorten

POINTERS_TITLE = "Pointers"
"""The heading of a document's part that lists them."""
PROSE_TITLE = "Prose"
"""The heading of what follows, where it has none of its own."""
MAX_TOPIC_WORDS, MAX_TOPIC_CHARS = 4, 60
MAX_CITED = 3
"""Entries that one pointer names, the last ones."""

_NAMED = re.compile(r"(?P<name>[A-Z][\w /.+()-]{1,48}?)\s*:\s+\S")
_CODE = re.compile(r"`[^`\n]{1,50}`")
_FILE = re.compile(r"\(((?:[\w.-]+/)*[\w.-]+\.md)\)\s*\Z")
_POINT = re.compile(r"(?P<lead>[ \t]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)?)(?P<words>.*)", re.DOTALL)


def topic(text: str) -> str:
    """What a text is about, without what it says: the name of a fact, the code that it names, or its first words, half
    of them at most."""
    words = " ".join(printable(text.replace("**", "")).split())
    if named := _NAMED.match(words):
        return shorten(named["name"], MAX_TOPIC_CHARS)
    if codes := _CODE.findall(words):
        return shorten(" ".join(dict.fromkeys(codes[:2])), MAX_TOPIC_CHARS)
    said = _FILE.sub("", words).split()
    first = said[: min(MAX_TOPIC_WORDS, max(1, len(said) // 2))]
    return shorten(" ".join(first), MAX_TOPIC_CHARS) + ("…" if len(said) > len(first) else "")


def pointer(text: str, cites: Sequence[str], name: str = "") -> str:
    """One line about a text, by its first line: its topic, and where it stands: the entries, or the file that it names
    at its end, or the name that the text has."""
    text = text.strip().partition("\n")[0]
    file = _FILE.search(text)
    where = [f"entry {cite}" for cite in cites[-MAX_CITED:]] or ([file[1]] if file else []) or [name or "no source"]
    return f"{topic(text)} [{', '.join(where)}]"


def with_pointers(text: str, cite: str = "") -> str:
    """The text with a pointer in the place of each line that awaits confirmation; `cite` is the entry it stands in."""
    if LABEL not in text:
        return text
    return "".join(_pointed(line, cite) for line in text.splitlines(keepends=True))


def _pointed(line: str, cite: str) -> str:
    words = line.rstrip("\r\n")
    if not awaits_confirmation(words):
        return line
    found = _POINT.fullmatch(split_mark(words)[0])
    lead, said = (found["lead"], found["words"]) if found else ("", words)
    note = "a model proposed something here, nobody has confirmed it"
    return f"{lead}{pointer(said, [cite] if cite else [])}: {note}{line[len(words) :]}"
