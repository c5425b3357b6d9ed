"""Who writes a field of a mission, where is it shown, and what values may it have?

Front matter brings words, lists and nothing else: a field says here what its word means, so that `2026-12-01` is a date
where a time belongs and a text where a title does. What a person plainly meant is read, anything else is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from enum import Enum
from typing import Annotated, Any

from missions.declared.value_rules import After, Before, Limits
from missions.one_line import shorten
from missions.spelling import instead_of


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


@dataclass(frozen=True, kw_only=True)
class Help:
    """What a field is for, in a few words for whoever writes one, and the words that it may be."""

    says: str
    values: tuple[str, ...] = ()


PERSON, NODE, ATTEMPT = Writer.PERSON, Writer.NODE, Writer.ATTEMPT
SHOWN, SHOWN_TEXT = Shown(), Shown(empty="")

_CURLY = "“”„‟‘’‚‛«»‹›"
"""Quotes that word processors and telephones put in the place of straight ones."""
_CURLY_QUOTED = re.compile(rf"\s*[{_CURLY}]([^{_CURLY}]*)[{_CURLY}]\s*", re.DOTALL)
_WHOLE = re.compile(r"[+-]?(?:0|[1-9][0-9]{0,17})")
_AMOUNT = re.compile(r"[+-]?(?:(?:0|[1-9][0-9]{0,17})(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_PADDED = re.compile(r"[+-]?0[0-9]+(?:\.[0-9]*)?")
_TIME = re.compile(
    r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})"
    r"(?:(?:[Tt]|[ \t]+)([0-9]{1,2}):([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]{1,9}))?)?"
    r"[ \t]*(?:[Zz]|UTC|([+-])([0-9]{1,2})(?::?([0-9]{2}))?)?)?"
)


def _plain(value: str) -> str:
    """A word without the typographic quotes around it."""
    found = _CURLY_QUOTED.fullmatch(value)
    return found[1] if found else value


def _unquoted(value: Any) -> Any:
    return _plain(value) if isinstance(value, str) else value


def _not_curly(value: str) -> str:
    """A command line whose first quote no shell knows. Raises ValueError."""
    if value.lstrip()[:1] in _CURLY:
        raise ValueError(f"it begins with a typographic quote ({value.lstrip()[:1]}): write straight ones, \" or '")
    return value


def _whole_number(value: Any) -> Any:
    """As it is written: what begins with a zero, or has colons, means another number to YAML than to a person."""
    word = _plain(value).strip() if isinstance(value, str) else value
    if isinstance(word, str):
        _refuse_padded(word)
        return int(word) if _WHOLE.fullmatch(word) else value
    return word


def _amount(value: Any) -> Any:
    if isinstance(value, bool):
        raise wrong_value("float_type", "not an amount")
    word = _plain(value).strip() if isinstance(value, str) else value
    if isinstance(word, str):
        _refuse_padded(word)
        if not _AMOUNT.fullmatch(word):
            raise wrong_value("float_type", "not an amount")
        return float(word)
    return word


def _refuse_padded(word: str) -> None:
    if _PADDED.fullmatch(word):
        plain = word.lstrip("+-").lstrip("0")
        plain = plain if plain[:1].isdigit() else f"0{plain}"
        raise ValueError(f"“{shorten(word, 60)}” begins with 0, which may mean another number: write {plain[:60]}")


def list_items(value: Any) -> list[Any] | None:
    """What stands in a field that is a list, also where it is written on one line: `a, b`. None for what is no list.

    A comma in quotes within a list parts nothing, nor does one within brackets; a link ([[a]]) is its name.
    """
    if value is None:
        return []
    if isinstance(value, str):
        return list(_parted(_plain(value)))
    if not isinstance(value, list | tuple):
        return None
    return [item for item in map(_list_item, value) if item is not None and item != ""]


def _list_item(item: Any) -> Any:
    """One item. `[[name]]`, a link, is to YAML a list in a list."""
    if isinstance(item, list) and len(item) == 1 and isinstance(item[0], list) and len(item[0]) == 1:
        item = item[0][0]
    elif isinstance(item, list) and len(item) == 1 and isinstance(item[0], str):
        item = item[0]
    return _plain(item) if isinstance(item, str) and item.strip() else None if item == "" else item


def _parted(text: str) -> Iterator[str]:
    """The items of one line, or of several."""
    depth, item = 0, ""
    for char in text:
        depth += (char in "[{") - (char in "]}")
        if char in ",\n" and depth <= 0:
            yield from filter(None, [_plain(item).strip()])
            item = ""
        else:
            item += char
    yield from filter(None, [_plain(item).strip()])


def _as_list(value: Any) -> Any:
    found = list_items(value)
    if found is None:
        return value
    for item in found:
        if isinstance(item, str) and item.strip() and {item.strip()[0], item.strip()[-1]} & set("“”„‟«»"):
            raise ValueError(f'{item} has a typographic quote: write straight ones, "…"')
    return found


def _scope_items(value: Any) -> Any:
    """The patterns. Where one line is parted at its commas, none of the parts may let in everything."""
    found = _as_list(value)
    if isinstance(value, str) and isinstance(found, list) and len(found) > 1:
        wide = next((item for item in found if not item.strip("*./")), "")
        if wide:
            raise ValueError(f'with “{wide}” it would cover everything: write a list, such as ["src/**", "docs/**"]')
    return found


def _with_time_zone(value: Any) -> Any:
    """A mission's times are UTC where no zone is given; a day is its midnight."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    found = _TIME.fullmatch(_plain(value).strip()) if isinstance(value, str) else None
    if found is None:
        raise ValueError("write a time such as 2026-12-01T08:00:00Z")
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups()[:6])
    micros = int((found[7] or "").ljust(6, "0")[:6])
    offset = timedelta(hours=int(found[9] or 0), minutes=int(found[10] or 0)) * (-1 if found[8] == "-" else 1)
    if abs(offset) >= timedelta(days=1):
        raise ValueError("write a time such as 2026-12-01T08:00:00Z")
    return datetime(year, month, day, hour, minute, second, micros, tzinfo=timezone(offset))


def _in_utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("this time is outside of the calendar") from error


def _inside(globs: tuple[str, ...]) -> tuple[str, ...]:
    for glob in map(str.strip, globs):
        if glob.startswith("/") or ".." in glob.split("/") or "\\" in glob:
            raise ValueError(f"{glob!r} leaves the project: write paths relative to its root, without '..'")
        if glob.startswith("!"):
            raise ValueError(f"{glob!r}: nothing can be taken out of a scope again; list what belongs to it")
        if glob in (".", "./"):
            raise ValueError(f"{glob!r}: for the whole project leave “scope” out")
    return globs


def word_of(value: str, known: tuple[str, ...]) -> str | None:
    """The one of these words that is meant, however it is written: `Coding task` for `coding_task`."""
    if value in known:
        return known[known.index(value)]  # a status is told as one, not as its word
    plain = re.sub(r"[ -]", "_", _plain(value).strip().casefold())
    return next((word for word in known if word == plain), None)


def wrong_value(kind: str, says: str) -> ValueError:
    """What a rule raises to have it told as pydantic tells errors of this kind."""
    from pydantic_core import PydanticCustomError

    return PydanticCustomError(kind, says)


def one_of(known: tuple[str, ...], what: str = "value") -> After:
    """Only these words."""

    def check(value: str) -> str:
        word = word_of(value, known)
        if word is None:
            raise ValueError(f"unknown {what} {value!r}: {instead_of(value, known)}")
        return word

    return After(check)


Name = Annotated[str, Before(_unquoted)]
Command = Annotated[str, After(_not_curly)]
StringList = Annotated[tuple[str, ...], Before(_as_list)]
Globs = Annotated[tuple[str, ...], Before(_scope_items), After(_inside)]
UtcTime = Annotated[datetime, Before(_with_time_zone), After(_in_utc)]
Commit = Annotated[str, Limits(pattern=r"^[0-9a-f]{40}$")]
WholeNumber = Annotated[int, Limits(strict=True), Before(_whole_number)]
Count = Annotated[WholeNumber, Limits(ge=0)]
SmallCount = Annotated[WholeNumber, Limits(ge=0, le=1000)]
Amount = Annotated[float, Limits(allow_inf_nan=False), Before(_amount)]
