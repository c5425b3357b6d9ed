"""How do ids, texts, documents and moments look in a column, so that every database gives back what it was given?

PostgreSQL holds neither U+0000 nor half a surrogate pair, SQLite heeds no length, and neither knows JSON as Python
writes it; here all that is settled before a database sees it. A value that cannot be kept raises UnstorableValue.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime

from orchestrator.core.json_object import Json
from orchestrator.core.state_scope import MAX_STORED_NAME_CHARS

ESCAPE_PREFIX = "\x1b"
"""What a text begins with that is kept as JSON because a database could not hold it, or because it begins like that."""
MAX_INTEGER = 2**31 - 1
"""The highest number that an INTEGER column holds, and the most rows that are asked for."""


class UnstorableValue(ValueError):
    """A value that no database can hold."""


def name_value(name: str, roof: int = MAX_STORED_NAME_CHARS) -> str:
    """An id or a name: as it is, of a bounded length. Raises UnstorableValue."""
    if len(name) > roof:
        raise UnstorableValue(f"at most {roof} characters, not {len(name)}")
    if not _is_plain_text(name):
        raise UnstorableValue("without U+0000 and halves of surrogate pairs")
    return name


def text_value(text: str) -> str:
    """A text of any length and with any character: itself where every database can hold it, else escaped."""
    if _is_plain_text(text) and not text.startswith(ESCAPE_PREFIX):
        return text
    return ESCAPE_PREFIX + json.dumps(text)


def read_text(value: str) -> str:
    """The text that was given."""
    return str(json.loads(value[1:])) if value.startswith(ESCAPE_PREFIX) else value


def json_value(document: Json) -> str:
    """A JSON object, as ASCII. Raises UnstorableValue."""
    try:
        return json.dumps(dict(document), allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise UnstorableValue(f"a JSON object with finite numbers ({error})") from error


def read_document(value: str) -> Json:
    """The object."""
    found: Json = json.loads(value)
    return found


def moment_value(moment: datetime) -> str:
    """A moment, as UTC in a text that sorts. Raises UnstorableValue for one without its time zone."""
    if moment.tzinfo is None:
        raise UnstorableValue("a moment with its time zone")
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def read_moment(value: str) -> datetime:
    """The moment, in UTC."""
    return datetime.fromisoformat(value)


def clamp_integer(number: int) -> int:
    """The number, or the nearest one to it that a database takes where rows are counted, compared and limited."""
    return max(0, min(number, MAX_INTEGER))


def _is_plain_text(text: str) -> bool:
    return "\0" not in text and not any("\ud800" <= each <= "\udfff" for each in text)
