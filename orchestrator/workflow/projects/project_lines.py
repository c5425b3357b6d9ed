"""How are a project's lines in `fleet.toml` changed, so that every other byte stays as people left it?

tomllib keeps no places, but a statement of TOML can be read alone: the file is cut into statements, and each is known
by the keys that it sets. Where a project has no lines of its own, a person changes it by hand.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from missions.plain_data import read_toml
from orchestrator.core.errors import WrongSetting

PATH = "fleet.toml"
BY_HAND = "it is written in a way that only a person can change: edit it by hand"
Value = str | bool | int | Sequence[str] | Mapping[str, str] | None


@dataclass(frozen=True, kw_only=True)
class _Statement:
    """One statement: its text with line ends, where it leads, and whether it is a table's head or a blank line."""

    text: str
    keys: tuple[str, ...] = ()
    head: bool = False


def toml_value(value: str | bool | int | Sequence[str] | Mapping[str, str]) -> str:
    """A value as TOML writes it."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{toml_value(key)} = {toml_value(each)}" for key, each in value.items()) + " }"
    return json.dumps(value if isinstance(value, str | bool | int) else list(value), ensure_ascii=False)


def with_project(text: str, name: str, values: Mapping[str, Value]) -> str:
    """The file with a project's keys changed; None and what is empty take a key out.

    Raises WrongSetting where there are no lines to change.
    """
    statements = _statements(text)
    newline = "\r\n" if "\r\n" in text else "\n"
    for key, value in values.items():
        statements = _with_key(
            statements, ("projects", name), key, None if value is False or value in ("", (), {}) else value, newline
        )
    return "".join(each.text for each in statements)


def without_project(text: str, name: str) -> str:
    """The file without a project's tables. Raises WrongSetting where it has no lines of its own."""
    top = ("projects", name)
    statements = _statements(text)
    kept = [each for each in statements if each.keys[:2] != top]
    if len(kept) == len(statements):
        raise WrongSetting(PATH, f"projects.{name}: {BY_HAND}")
    return "".join(each.text for each in kept).rstrip() + "\n"


def _with_key(
    statements: list[_Statement], table: tuple[str, ...], key: str, value: Value, newline: str
) -> list[_Statement]:
    path = (*table, key)
    found = [number for number, each in enumerate(statements) if each.keys[: len(path)] == path]
    if found and (len(found) > 1 or statements[found[0]].keys != path or statements[found[0]].head):
        raise WrongSetting(PATH, f"{'.'.join(path)}: {BY_HAND}")
    line = f"{key} = {toml_value(value)}" if value is not None else ""
    if found:
        old = statements[found[0]]
        new = [_Statement(text=f"{line}{_comment(old.text)}{newline}", keys=path)] if line else []
        return [*statements[: found[0]], *new, *statements[found[0] + 1 :]]
    if not line:
        return statements
    heads = [number for number, each in enumerate(statements) if each.head and each.keys == table]
    if len(heads) != 1:
        raise WrongSetting(PATH, f"{'.'.join(table)}: {BY_HAND}")
    last = heads[0]
    for number in range(heads[0] + 1, len(statements)):
        if statements[number].head:
            break
        last = number if statements[number].keys else last
    before = statements[last]
    if not before.text.endswith("\n"):
        statements = [*statements[:last], _Statement(text=before.text + newline, keys=before.keys, head=before.head)]
    return [*statements[: last + 1], _Statement(text=line + newline, keys=path), *statements[last + 1 :]]


def _statements(text: str) -> list[_Statement]:
    """The file's statements in order. Raises WrongSetting where it is no TOML."""
    found: list[_Statement] = []
    table: tuple[str, ...] = ()
    waiting = ""
    for line in text.splitlines(keepends=True):
        waiting += line
        read = _read(waiting)
        if read is None:
            continue
        head = bool(read) and waiting.lstrip().startswith("[")
        keys = _nested_keys(read) if head else _set_keys(waiting) if read else ()
        if head:
            table = keys
        found.append(_Statement(text=waiting, keys=keys if head or not keys else (*table, *keys), head=head))
        waiting = ""
    if waiting:
        raise WrongSetting(PATH, "it is no TOML: put it in order first")
    return found


def _read(text: str) -> dict[str, Any] | None:
    try:
        return read_toml(text)
    except ValueError:
        return None


def _set_keys(text: str) -> tuple[str, ...]:
    """The keys left of a statement's `=`; those of an inline table are its value."""
    for place, sign in enumerate(text):
        if sign == "=" and (read := _read(f"{text[:place]}= 0")):
            return _nested_keys(read)
    return ()


def _nested_keys(read: Any) -> tuple[str, ...]:
    """The one way into tables in tables."""
    keys: tuple[str, ...] = ()
    while isinstance(read, dict) and read:
        ((key, read),) = read.items()
        keys = (*keys, key)
        read = read[0] if isinstance(read, list) else read
    return keys


def _comment(text: str) -> str:
    """What stands behind a statement's value, with the blanks before it."""
    whole, line = _read(text), text.rstrip("\r\n")
    for place, sign in enumerate(line):
        if sign == "#" and "\n" not in line and _read(line[:place]) == whole:
            return line[len(line[:place].rstrip()) :]
    return ""
