"""What may stand in a mission's front matter, and how is a wrong value explained?"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
)

from missions.errors import BadName
from missions.mission import AGENTS, APPROVALS, DELIVERIES, TASKS, slug
from missions.one_line import shorten

MAX_COMMENT_CHARS = 8000
"""Characters of a rejection's comment."""


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


StringList = Annotated[tuple[str, ...], BeforeValidator(_as_list)]
UtcTime = Annotated[AwareDatetime, BeforeValidator(_with_time_zone), AfterValidator(_in_utc)]


class MissionFields(BaseModel):
    """The front matter as it may be written. Field names are the words in the file."""

    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True)

    task: str = "general_task"
    title: str | None = Field(default=None, max_length=300)
    project: str | None = None
    priority: Annotated[int, Field(ge=0, le=9, strict=True)] = 1
    agent: str | None = None
    run: str | None = Field(default=None, max_length=20_000)
    to: StringList = ()
    depends_on: StringList = ()
    not_before: UtcTime | None = None
    timeout_seconds: Annotated[int, Field(gt=0, le=7 * 86_400, strict=True)] = 3600
    max_retries: Annotated[int, Field(ge=0, le=100, strict=True)] | None = None
    budget_usd: Annotated[float, Field(ge=0)] | None = None
    scope: StringList = ()
    approve: str = "policy"
    patch: Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")] | None = None
    parent: str | None = None
    comment: Annotated[str, Field(max_length=MAX_COMMENT_CHARS)] | None = None
    trusted_by: str | None = None

    status: Literal["queued", "running", "review", "parked", "done", "failed", "dead", "cancelled"] = "queued"
    node: str | None = None
    attempt: Annotated[int, Field(ge=0, strict=True)] = 0
    epoch: Annotated[int, Field(ge=0, strict=True)] = 0
    retry_at: UtcTime | None = None
    started: UtcTime | None = None
    finished: UtcTime | None = None
    branch: str | None = None
    cost_usd: float | None = None
    reason: Annotated[str, Field(max_length=2000)] | None = None
    kept_on: str | None = None
    matched_project: Annotated[str, Field(max_length=200)] | None = None
    chosen_agent: Annotated[str, Field(max_length=40)] | None = None
    commit: Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")] | None = None
    decision: Literal["approved", "rejected"] | None = None
    decided_by: Annotated[str, Field(max_length=200)] | None = None
    decided: UtcTime | None = None
    rejections: Annotated[int, Field(ge=0, le=1000, strict=True)] = 0
    retries: Annotated[int, Field(ge=0, le=1000, strict=True)] = 0
    on_approval: str | None = None
    merged: Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")] | None = None
    adopted_by: str | None = None
    adopted_from: str | None = None

    @field_validator("task")
    @classmethod
    def _known_task(cls, value: str) -> str:
        return _one_of(value, TASKS, "task type")

    @field_validator("agent")
    @classmethod
    def _known_agent(cls, value: str | None) -> str | None:
        return None if value is None else _one_of(value, AGENTS, "agent")

    @field_validator("approve")
    @classmethod
    def _known_approval(cls, value: str) -> str:
        return _one_of(value, APPROVALS, "value")

    @field_validator("on_approval")
    @classmethod
    def _known_delivery(cls, value: str | None) -> str | None:
        return None if value is None else _one_of(value, DELIVERIES, "value")

    @field_validator("scope")
    @classmethod
    def _inside(cls, globs: tuple[str, ...]) -> tuple[str, ...]:
        for glob in globs:
            if glob.startswith("/") or ".." in glob.split("/") or "\\" in glob:
                raise ValueError(f"{glob!r} leaves the project: write paths relative to its root, without '..'")
        return globs

    @field_validator("depends_on")
    @classmethod
    def _slugged(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        try:
            return tuple(slug(name.removesuffix(".md")) for name in names)
        except BadName as error:
            raise ValueError(str(error)) from error


def _one_of(value: str, known: tuple[str, ...], what: str) -> str:
    if value not in known:
        raise ValueError(f"unknown {what} {value!r}: one of {', '.join(known)}")
    return value


EXPECTED_VALUES = {
    "priority": "a whole number from 0 to 9",
    "timeout_seconds": "a whole number of seconds, a week at most",
    "max_retries": "a whole number from 0 to 100",
    "budget_usd": "an amount in dollars, such as 2.50",
    "not_before": "a time, such as 2026-12-01T08:00:00Z",
    "to": "a list of words, such as [gpu, desktop]",
    "depends_on": "a list of missions, such as [add-login]",
    "scope": 'a list of paths, such as ["src/**"]',
    "status": "queued, running, review, parked, done, failed, dead or cancelled",
}


def explain(error: ValidationError, lines: Mapping[str, int]) -> tuple[str, int | None]:
    """The first thing wrong, in words, and its line. The text names the field and what was found there."""
    first = error.errors(include_url=False, include_context=False)[0]
    key = str(first["loc"][0]) if first["loc"] else ""
    line = lines.get(key)
    if first["type"] == "extra_forbidden":
        return f"unknown field “{key}”", line
    found = first.get("input")
    if key in EXPECTED_VALUES and first["type"] != "value_error":
        return f"“{key}” must be {EXPECTED_VALUES[key]}, not {_display_value(found)}", line
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
