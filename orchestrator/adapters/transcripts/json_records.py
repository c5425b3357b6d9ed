"""Which records stand in the lines of a transcript that is JSON, and what is read out of one?

A line that cannot be read is told and passed over; an unfinished one at the end is being written.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from missions.plain_data import read_json
from orchestrator.core.foreign_files import (
    MAX_LINE_BYTES,
    MAX_PASSED,
    LineState,
    PassedOver,
    bounded_lines,
    open_foreign,
)
from orchestrator.core.ports.transcripts import MAX_EVENT_CHARS, TellOdd, TranscriptRef
from orchestrator.execution.programs.json_events import MAIN_ARGUMENTS, objects_at, text_at, value_at

_SESSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
MAX_WORD_CHARS = 4_000
"""So far back from where a text is cut a word may begin: no password or token is longer."""
TOO_LONG = f"the line is longer than {MAX_LINE_BYTES // 1024 // 1024} MiB"


def json_records(
    top: Path, ref: TranscriptRef, odd: TellOdd, *, after: int = 0
) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects behind a line, with their lines' numbers. Raises OSError."""
    with open_foreign(top, ref.path.relative_to(top).parts) as file:
        for number, data, state in bounded_lines(file):
            if number <= after:
                continue
            if state is LineState.TOO_LONG:
                odd(number, TOO_LONG)
                continue
            if not data.strip():
                continue
            found = _record(data)
            if isinstance(found, dict):
                yield number, found
            elif state is LineState.WHOLE:
                odd(number, found)


def _record(data: bytes) -> dict[str, Any] | str:
    """The object that a line is, or why it is none."""
    try:
        found = read_json(data.decode("utf-8", "replace"))
    except ValueError as error:
        return f"it is no JSON: {error}"
    return found if isinstance(found, dict) else "it is no JSON object"


def json_object(text: str) -> dict[str, Any]:
    """The object that a text is; an empty one where it is none."""
    found = _record(text.encode("utf-8", "replace"))
    return found if isinstance(found, dict) else {}


def plain_session(word: str) -> str:
    """A session's name as a plain word: another one is made of whatever is none."""
    if _SESSION.fullmatch(word):
        return word
    return "x" + hashlib.sha256(word.encode("utf-8", "surrogatepass")).hexdigest()[:31]


def utc_text(value: object) -> str:
    """A time in ISO text, or in milliseconds since 1970, as UTC text; "" where it is none."""
    try:
        if isinstance(value, str):
            found = datetime.fromisoformat(value[:40])
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found = datetime.fromtimestamp(value / 1000, UTC)
        else:
            return ""
        found = found.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return ""
    return f"{found:%Y-%m-%dT%H:%M:%SZ}" if found.year >= 1970 else ""


def cut(text: str) -> str:
    """As much of a text as an event has, without a last word that goes on behind it.

    Half of a token, or a password whose `@` is gone, would be known as a secret by nobody later.
    """
    if len(text) <= MAX_EVENT_CHARS:
        return text
    floor = MAX_EVENT_CHARS - MAX_WORD_CHARS
    spaces = [found.end() for found in re.finditer(r"\s", text[floor : MAX_EVENT_CHARS + 1])]
    return text[: floor + max(spaces, default=0)].rstrip()


def used_tool(tool: str, given: dict[str, Any]) -> str:
    """A call of a tool as words: its name, and the command, file or pattern that it was used on, whole."""
    said = next((text_at(given, key) for key in MAIN_ARGUMENTS if text_at(given, key)), "")
    return cut(f"{tool} {said}".strip())


def newest_each(refs: Iterable[TranscriptRef], passed: list[PassedOver]) -> tuple[TranscriptRef, ...]:
    """One transcript a session: of several that have one name the newest. The others are told in `passed`."""
    kept: dict[str, TranscriptRef] = {}
    for ref in refs:
        other = kept.get(ref.session)
        newer, older = (other, ref) if other is not None and other.changed >= ref.changed else (ref, other)
        kept[ref.session] = newer
        if older is not None and len(passed) < MAX_PASSED:
            passed.append(PassedOver(place=str(older.path), why=f"is an older copy of {newer.path}"))
    return tuple(kept.values())


def joined_texts(found: object, *path: str) -> str:
    """A text, or the texts of a list of parts, each on lines of its own."""
    value = value_at(found, *path) if path else found
    if isinstance(value, str):
        return cut(value)
    parts = objects_at({"parts": value}, "parts")
    return cut("\n".join(text for part in parts if (text := text_at(part, "text"))))
