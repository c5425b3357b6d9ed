"""How do ids, texts, documents and moments look in a column, so that every database gives back what it was given?

PostgreSQL holds neither U+0000 nor half a surrogate pair, SQLite heeds no length, and neither knows JSON as Python
writes it; here all that is settled before a database sees it. A value that cannot be kept raises Unfit.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, Integer, String, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

from orchestrator.core.json_object import Json
from orchestrator.core.ports.stores import MAX_STORED_NAME_CHARS

ESCAPE_PREFIX = "\x1b"
"""What a text begins with that is kept as JSON because a database could not hold it, or because it begins like that."""


BIG_INTEGER = BigInteger().with_variant(Integer, "sqlite")
"""A number that counts up by itself on both databases."""
MAX_INTEGER = 2**31 - 1
"""The highest number that an INTEGER column holds, and the most rows that are asked for."""


class UnstorableValue(ValueError):
    """A value that no database can hold."""


class NameColumn(TypeDecorator[str]):
    """An id or a name: as it is, of a bounded length."""

    impl = String
    cache_ok = True

    def __init__(self, length: int = MAX_STORED_NAME_CHARS) -> None:
        self.roof = length
        super().__init__(length)

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """The value itself. Raises Unfit."""
        if value is not None and len(value) > self.roof:
            raise UnstorableValue(f"at most {self.roof} characters, not {len(value)}")
        if value is not None and not _is_plain_text(value):
            raise UnstorableValue("without U+0000 and halves of surrogate pairs")
        return value


class TextColumn(TypeDecorator[str]):
    """A text of any length and with any character."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """The text itself where every database can hold it, else escaped."""
        if value is None or (_is_plain_text(value) and not value.startswith(ESCAPE_PREFIX)):
            return value
        return ESCAPE_PREFIX + json.dumps(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        """The text that was given."""
        return json.loads(value[1:]) if value and value.startswith(ESCAPE_PREFIX) else value


class JsonColumn(TypeDecorator[Json]):
    """A JSON object, as ASCII."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Json | None, dialect: Dialect) -> str | None:
        """The object as text. Raises Unfit."""
        if value is None:
            return None
        try:
            return json.dumps(dict(value), allow_nan=False, separators=(",", ":"))
        except (TypeError, ValueError, RecursionError) as error:
            raise UnstorableValue(f"a JSON object with finite numbers ({error})") from error

    def process_result_value(self, value: str | None, dialect: Dialect) -> Json | None:
        """The object."""
        return json.loads(value) if value is not None else None


class UtcColumn(TypeDecorator[datetime]):
    """A moment, as UTC in a text that sorts, the same on every database."""

    impl = String
    cache_ok = True

    def __init__(self) -> None:
        super().__init__(32)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        """The text. Raises Unfit for a moment without its time zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise UnstorableValue("a moment with its time zone")
        return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """The moment, in UTC."""
        return datetime.fromisoformat(value) if value is not None else None


def clamp_integer(number: int) -> int:
    """The number, or the nearest one to it that a database takes where rows are counted, compared and limited."""
    return max(0, min(number, MAX_INTEGER))


def _is_plain_text(text: str) -> bool:
    return "\0" not in text and not any("\ud800" <= each <= "\udfff" for each in text)
