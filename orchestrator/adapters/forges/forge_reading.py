"""How are a forge's answers read? Field by field, each of its type and within bounds.

Unknown fields are left alone, so that a newer server's answer is read as well; a field that is missing or of another
type ends the reading with one line, before anything rests on it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from handoff.secrets.excerpts import redacted_excerpt
from missions.one_line import printable
from orchestrator.core.ports.forge import ForgeFailed

MAX_TEXT_CHARS = 64 * 1024
"""Characters of a text that are kept; forges let people write as many."""
MAX_LINE_CHARS = 500
MAX_ROWS = 1000
_OBJECT_NAME = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


def rows(data: Any) -> list[Mapping[str, Any]]:
    """A list of objects. Raises ForgeFailed."""
    if not isinstance(data, list) or not all(isinstance(each, dict) for each in data):
        raise ForgeFailed("its answer is no list of things")
    return data[:MAX_ROWS]


def part(data: Any, *names: str) -> Mapping[str, Any]:
    """An object within objects. Raises ForgeFailed."""
    for name in names:
        data = data.get(name) if isinstance(data, dict) else None
    if not isinstance(data, dict):
        raise ForgeFailed(f"its answer lacks {'.'.join(names) or 'an object'}")
    return data


def number(data: Mapping[str, Any], name: str) -> int:
    """A number from 1 on. Raises ForgeFailed."""
    found = data.get(name)
    if isinstance(found, bool) or not isinstance(found, int) or not 0 < found < 2**53:
        raise ForgeFailed(f"its answer lacks {name}")
    return found


def ident(data: Mapping[str, Any]) -> int:
    """The number by which the forge knows a thing. Raises ForgeFailed."""
    return number(data, "id")


def line(data: Mapping[str, Any], name: str) -> str:
    """Words in one line; empty where there are none. Raises ForgeFailed."""
    return printable(text(data, name))[:MAX_LINE_CHARS]


def text(data: Mapping[str, Any], name: str) -> str:
    """Words; empty where there are none. Raises ForgeFailed for what is no text."""
    found = data.get(name)
    if found is None:
        return ""
    if not isinstance(found, str):
        raise ForgeFailed(f"its answer has no text in {name}")
    return found if len(found) <= MAX_TEXT_CHARS else redacted_excerpt(found, MAX_TEXT_CHARS)


def flag(data: Mapping[str, Any], name: str) -> bool | None:
    """Yes or no; None where it does not say."""
    found = data.get(name)
    return found if isinstance(found, bool) else None


def person(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """An account; nothing for one that is gone, in whose place forges write null."""
    found = data.get(name)
    return found if isinstance(found, dict) else {}


def names(data: Mapping[str, Any], name: str, field: str) -> tuple[str, ...]:
    """The names in a list of things, or of names; what is neither is left out."""
    found = data.get(name)
    told = [each.get(field) if isinstance(each, dict) else each for each in found] if isinstance(found, list) else []
    return tuple(each for each in told[:MAX_ROWS] if isinstance(each, str))


def is_foreign(head: Any, base: Any) -> bool:
    """Whether two repositories are not the same one; one that is gone, or has no number, is none of ours."""
    there, here = (each.get("id") if isinstance(each, dict) else None for each in (head, base))
    return there is None or there != here


def commit(data: Mapping[str, Any], name: str) -> str:
    """A commit's name; empty where there is none. Raises ForgeFailed for what is none."""
    found = line(data, name)
    if found and not _OBJECT_NAME.fullmatch(found):
        raise ForgeFailed(f"its answer has no commit in {name}")
    return found


def web_address(data: Mapping[str, Any], name: str) -> str:
    """An address that people may open; empty for what is none, whatever it would run."""
    found = line(data, name)
    return found if re.fullmatch(r"https?://[^\s<>\"'`\\]+", found) else ""
