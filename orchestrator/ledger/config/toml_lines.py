"""On which line of a TOML file does a key stand?

tomllib keeps no lines, but it knows where a statement ends: a file's first lines parse exactly if no statement is cut
in two. So the key's statement is the first one with which the key is there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from missions.plain_data import read_toml

MAX_LINES = 3000
"""Lines beyond which nobody looks: each costs a parse of all before it."""


def line_of(text: str, path: Sequence[str | int]) -> int | None:
    """The line, from 1, where the statement begins that sets `path`, or as much of it as there is.

    Words of the path that are no key where they stand are passed over: pydantic names the kinds that it tried, too.
    None where nothing of it is there, or the file is no TOML.
    """
    lines = [f"{line}\n" for line in text.split("\n")]
    wanted = _existing_path(_try_parse(text) or {}, path)
    if not wanted or len(lines) > MAX_LINES:
        return None
    start = 0
    for end in range(1, len(lines) + 1):
        found = _try_parse("".join(lines[:end]))
        if found is None:
            continue
        if _existing_path(found, wanted) == wanted:
            return start + 1
        start = end
    return None


def _try_parse(text: str) -> dict[str, Any] | None:
    try:
        return read_toml(text)
    except ValueError:
        return None


def _existing_path(value: Any, path: Sequence[str | int]) -> list[str | int]:
    """As much of the path as leads somewhere."""
    found: list[str | int] = []
    for part in path:
        listed = isinstance(value, list) and isinstance(part, int) and 0 <= part < len(value)
        if listed or (isinstance(value, dict) and part in value):
            value = value[part]
            found.append(part)
    return found
