"""Which fields may nodes write, which are shown, and how is a wrong value in the front matter explained?"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from missions.declared.plain_values import WrongValues, hints, json_schema, read_values
from missions.field_types import Help, Shown, Writer
from missions.mission import MissionFields, Status
from missions.one_line import shorten
from missions.spelling import did_you_mean
from missions.template_fields import TEMPLATE_FIELDS, TEMPLATES_FOLDER

ROLES: Mapping[str, tuple[object, ...]] = {
    name: hint.__metadata__ for name, hint in hints(MissionFields).items() if hasattr(hint, "__metadata__")
}
"""What each field was declared with."""
RECORD_FIELDS = frozenset(name for name, roles in ROLES.items() if Writer.ATTEMPT in roles)
"""The node fields that an attempt's record may bring; the others follow from its claim."""
NODE_FIELDS = tuple(name for name, roles in ROLES.items() if Writer.NODE in roles or name in RECORD_FIELDS)
"""What nodes may write into the front matter. Everything else is a person's."""
SHOWN_FIELDS: Mapping[str, Shown] = {
    name: role for name, roles in ROLES.items() for role in roles if isinstance(role, Shown)
}
"""What views of a mission have, in their order."""
_TYPE_WORDS = {"integer": "whole number", "number": "amount", "array": "list", "date-time": "time"}


def read_fields(values: Mapping[str, object]) -> MissionFields:
    """Front matter as it was parsed from YAML. Raises WrongValues; OverflowError for a number beyond any float."""
    said = {key: value for key, value in values.items() if not is_blank(value)}
    return read_values(MissionFields, said)


def described_fields() -> list[dict[str, Any]]:
    """What a person may write: each field with its type, its default, what it is for, and its words if it has some."""
    schema = json_schema(MissionFields)["properties"]
    told = []
    for name, roles in ROLES.items():
        words = next((role for role in roles if isinstance(role, Help)), None)
        if words is None:
            continue
        kinds = schema[name].get("anyOf", [schema[name]])
        kind = next(each.get("format", each["type"]) for each in kinds if each.get("type") != "null")
        row = {"name": name, "type": _TYPE_WORDS.get(kind, "text"), "default": schema[name].get("default")}
        told.append(row | {"help": words.says} | ({"values": list(words.values)} if words.values else {}))
    return told


def is_blank(value: object) -> bool:
    """A property that an editor left without a value says nothing."""
    return value is None or (isinstance(value, str) and not value.strip())


EXPECTED_VALUES = {
    "priority": "a whole number from 0 to 9",
    "timeout_seconds": "a whole number of seconds, such as 5400, a week at most",
    "max_retries": "a whole number from 0 to 100",
    "budget_usd": "an amount in dollars, such as 2.50",
    "not_before": "a time, such as 2026-12-01T08:00:00Z",
    "to": "a list of words, such as [gpu, desktop]",
    "capabilities": "a list of words, such as [gpu, local-files]",
    "depends_on": "a list of missions, such as [add-login]",
    "scope": 'a list of paths, such as ["src/**"]',
    "status": "queued, running, review, parked, done, failed, dead or cancelled",
}


def explain(error: WrongValues, lines: Mapping[str, int]) -> tuple[str, int | None]:
    """The first thing wrong, in words, and its line. The text names the field and what was found there."""
    return explain_all(error, lines)[0]


def explain_all(error: WrongValues, lines: Mapping[str, int]) -> list[tuple[str, int | None]]:
    """Everything that is wrong, each in words with its line."""
    return [_explain_one(one, lines) for one in error.facts]


def _explain_one(first: Mapping[str, Any], lines: Mapping[str, int]) -> tuple[str, int | None]:
    key = str(first["loc"][0]) if first["loc"] else ""
    line = lines.get(key)
    if first["type"] == "unexpected_keyword_argument":
        if key in TEMPLATE_FIELDS:
            return f"“{key}” is for a template: move the file to {TEMPLATES_FOLDER}/, where it is followed", line
        from difflib import get_close_matches

        near = get_close_matches(re.sub(r"[ -]", "_", key.strip().lower()), ROLES, 1, 0.8)
        return f"unknown field “{key}”" + (f": write {near[0]}" if near else ""), line
    found = first.get("input")
    if key in EXPECTED_VALUES and first["type"] != "value_error":
        meant = did_you_mean(str(found), Status) if key == "status" else ""
        wanted = f"; {meant}" if meant else ""
        return f"“{key}” must be {EXPECTED_VALUES[key]}, not {_display_value(found)}{wanted}", line
    if first["type"] == "string_type":
        return f"“{key}” must be a text, not {_display_value(found)}: put it in quotes", line
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "value_error":
        return f"“{key}”: {message}", line
    return f"“{key}” cannot be {_display_value(found)}: {message[0].lower()}{message[1:]}", line


def _display_value(value: object) -> str:
    try:
        text = f"“{value}”" if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    except TypeError:  # a mapping whose keys are not text
        text = str(value)
    return shorten(text, 60)


def too_few_attempts(attempts: int | None, agents: tuple[str, ...]) -> str:
    """Why not every agent of a list would get an attempt; empty if each does."""
    if attempts is None or attempts >= len(agents):
        return ""
    return f"“attempts: {attempts}” is fewer than the {len(agents)} agents that are listed: each gets one at least"
