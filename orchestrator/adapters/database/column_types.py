"""Which column types do the tables have? Each writes and reads its values as `plain/column_values` says."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Integer, String, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

from orchestrator.adapters.database.plain.column_values import (
    json_value,
    moment_value,
    name_value,
    read_document,
    read_moment,
    read_text,
    text_value,
)
from orchestrator.core.json_object import Json
from orchestrator.core.state_scope import MAX_STORED_NAME_CHARS

BIG_INTEGER = BigInteger().with_variant(Integer, "sqlite")
"""A number that counts up by itself on both databases."""


class NameColumn(TypeDecorator[str]):
    """An id or a name: as it is, of a bounded length."""

    impl = String
    cache_ok = True

    def __init__(self, length: int = MAX_STORED_NAME_CHARS) -> None:
        self.roof = length
        super().__init__(length)

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """The value itself. Raises UnstorableValue."""
        return name_value(value, self.roof) if value is not None else None


class TextColumn(TypeDecorator[str]):
    """A text of any length and with any character."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """The text itself where every database can hold it, else escaped."""
        return text_value(value) if value is not None else None

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        """The text that was given."""
        return read_text(value) if value is not None else None


class JsonColumn(TypeDecorator[Json]):
    """A JSON object, as ASCII."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Json | None, dialect: Dialect) -> str | None:
        """The object as text. Raises UnstorableValue."""
        return json_value(value) if value is not None else None

    def process_result_value(self, value: str | None, dialect: Dialect) -> Json | None:
        """The object."""
        return read_document(value) if value is not None else None


class UtcColumn(TypeDecorator[datetime]):
    """A moment, as UTC in a text that sorts, the same on every database."""

    impl = String
    cache_ok = True

    def __init__(self) -> None:
        super().__init__(32)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        """The text. Raises UnstorableValue for a moment without its time zone."""
        return moment_value(value) if value is not None else None

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """The moment, in UTC."""
        return read_moment(value) if value is not None else None
