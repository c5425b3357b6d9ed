"""Who writes a field of a mission, where is it shown, and what values may it have?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import Enum
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field


class Writer(Enum):
    """Who may write a field into the file."""

    PERSON = "person"
    NODE = "node"
    ATTEMPT = "attempt"
    """A node, and the record that an attempt hands back may bring it."""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A field that views of a mission have. `empty` is what they have where the file has nothing."""

    empty: str | None = None


PERSON, NODE, ATTEMPT = Writer.PERSON, Writer.NODE, Writer.ATTEMPT
SHOWN, SHOWN_TEXT = Shown(), Shown(empty="")


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _with_time_zone(value: Any) -> Any:
    """A mission's times are UTC, which YAML leaves out where no zone is given; a day is its midnight."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    if isinstance(value, datetime) and value.tzinfo is None:
        return value.replace(tzinfo=UTC)
    if not isinstance(value, (datetime, str)) or (isinstance(value, str) and value.strip().isdigit()):
        raise ValueError("write a time such as 2026-12-01T08:00:00Z")
    return value


def _in_utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("this time is outside of the calendar") from error


def _inside(globs: tuple[str, ...]) -> tuple[str, ...]:
    for glob in globs:
        if glob.startswith("/") or ".." in glob.split("/") or "\\" in glob:
            raise ValueError(f"{glob!r} leaves the project: write paths relative to its root, without '..'")
    return globs


def one_of(known: tuple[str, ...], what: str = "value") -> AfterValidator:
    """Only these words."""

    def check(value: str) -> str:
        if value not in known:
            raise ValueError(f"unknown {what} {value!r}: one of {', '.join(known)}")
        return value

    return AfterValidator(check)


StringList = Annotated[tuple[str, ...], BeforeValidator(_as_list)]
Globs = Annotated[StringList, AfterValidator(_inside)]
UtcTime = Annotated[AwareDatetime, BeforeValidator(_with_time_zone), AfterValidator(_in_utc)]
Commit = Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]
Count = Annotated[int, Field(ge=0, strict=True)]
SmallCount = Annotated[int, Field(ge=0, le=1000, strict=True)]
