"""What does a new mission's file say, of a text and what was said beside it, and what is it called after?"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress

from missions import document, frontmatter
from missions.errors import BadName
from missions.frontmatter import Scalar
from missions.mission import Mission, new_name

NAME_WORDS = 5
"""A name that is made of a mission's first words has so many at most: people type it."""
NOTHING: tuple[Scalar | Sequence[str], ...] = (None, "", (), [])


def first_words(body: str) -> str:
    """What a mission is called after: its title or its first line, below a front matter if there is one."""
    if not body.startswith("---"):
        return body[:60]
    with suppress(frontmatter.Malformed):  # what asks for several attempts is called as each of them is
        body = frontmatter.write(body, dict.fromkeys(("attempts", "agents")))
    read = document.read("missions/unnamed.md", body.encode("utf-8", "surrogatepass"))
    return read.title if isinstance(read, Mission) else body[:60]


def name_of_words(said: str) -> str:
    """A mission's name made of its first words; a plain one where they are in letters of which no name can be made, as
    those of most scripts. Raises BadName where there is no letter or digit at all."""
    try:
        return "-".join(new_name(said).split("-")[:NAME_WORDS])
    except BadName:
        if not any(map(str.isalnum, said)):
            raise
        return "mission"


def mission_text(body: str, fields: Mapping[str, Scalar | Sequence[str]]) -> str:
    """A mission's file: the fields that say something, above the words, which then are words alone."""
    lines = _lines(fields)
    return (f"---\n{lines}---\n" if lines else "") + (body.strip("\n") + "\n" if body.strip() else "")


def with_options(text: str, fields: Mapping[str, Scalar | Sequence[str]]) -> str:
    """A mission's whole file, in which what is said beside it replaces what its own front matter says."""
    lines = _lines(fields)
    if not lines:
        return text
    said = [key for key, value in fields.items() if value not in NOTHING]
    try:
        block = frontmatter.split(frontmatter.write(text, dict.fromkeys(said)))
    except frontmatter.Malformed:
        return text  # which is told as it is
    if not block.start:
        return f"---\n{lines}---\n{text}"
    end = block.start + len(block.head)
    return f"{block.text[:end]}{lines}{block.text[end:]}"


def _lines(fields: Mapping[str, Scalar | Sequence[str]]) -> str:
    said = {key: value for key, value in fields.items() if value not in NOTHING}
    return "".join(f"{key}: {_format_value(value)}\n" for key, value in said.items())


def _format_value(value: Scalar | Sequence[str]) -> str:
    if value is None or isinstance(value, str | int | float | bool):
        return frontmatter.print_scalar(value)
    return json.dumps(list(value), ensure_ascii=False)
