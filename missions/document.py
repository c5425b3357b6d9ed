"""How does a mission file become a Mission, and how do nodes write into it without touching a person's words?"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
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

from missions import frontmatter
from missions.errors import BadName
from missions.frontmatter import Malformed, Scalar
from missions.mission import AGENTS, APPROVALS, PAID_AGENTS, TASKS, Mission, Quarantined, Status, slug

SIZE_ROOF = 256 * 1024
"""Bytes. A mission is a page that a person wrote; anything larger is a file that landed in the wrong folder."""

NODE_FIELDS = (
    "status",
    "node",
    "attempt",
    "epoch",
    "retry_at",
    "started",
    "finished",
    "branch",
    "cost_usd",
)
"""What nodes may write into the front matter. Everything else is a person's."""

RESULT_MARK = "<!-- shiftbook: nodes write below this line -->"


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _zoned(value: Any) -> Any:
    """YAML reads a time without a zone as naive: a mission's times are UTC. A bare number is no time."""
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


Words = Annotated[tuple[str, ...], BeforeValidator(_listed)]
Time = Annotated[AwareDatetime, BeforeValidator(_zoned), AfterValidator(_in_utc)]


class _Fields(BaseModel):
    """The front matter as it may be written. Field names are the words in the file."""

    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True)

    task: str = "general_task"
    title: str | None = Field(default=None, max_length=300)
    project: str | None = None
    priority: Annotated[int, Field(ge=0, le=9, strict=True)] = 1
    agent: str | None = None
    run: str | None = Field(default=None, max_length=20_000)
    to: Words = ()
    depends_on: Words = ()
    not_before: Time | None = None
    timeout_seconds: Annotated[int, Field(gt=0, le=7 * 86_400, strict=True)] = 3600
    max_retries: Annotated[int, Field(ge=0, le=100, strict=True)] | None = None
    budget_usd: Annotated[float, Field(ge=0)] | None = None
    scope: Words = ()
    approve: str = "policy"
    trusted_by: str | None = None

    status: Literal["queued", "running", "review", "done", "failed", "dead", "cancelled"] = "queued"
    node: str | None = None
    attempt: Annotated[int, Field(ge=0, strict=True)] = 0
    epoch: Annotated[int, Field(ge=0, strict=True)] = 0
    retry_at: Time | None = None
    started: Time | None = None
    finished: Time | None = None
    branch: str | None = None
    cost_usd: float | None = None

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


def read(path: str, data: bytes) -> Mission | Quarantined:
    """A mission file's bytes as a Mission, or the reason and the line for which it is quarantined. Never raises."""
    stem = path.rsplit("/", 1)[-1]
    stem = stem[: -len(".md")] if stem.lower().endswith(".md") else stem
    try:
        name = slug(stem)
        text = decode(data)
        block = frontmatter.split(text.removeprefix(frontmatter.MARK))
        fields = _Fields.model_validate(dict(block.fields))
        return _mission(name, fields, body_of(block.body))
    except BadName as error:
        return Quarantined(name=stem, path=path, reason=str(error), hint="rename the file")
    except Malformed as error:
        return Quarantined(name=slug(stem), path=path, reason=error.reason, line=error.line)
    except ValidationError as error:
        reason, line = explain(error, block.lines)
        return Quarantined(name=name, path=path, reason=reason, line=line)


def _mission(name: str, fields: _Fields, body: str) -> Mission:
    agent = fields.agent or ("command" if fields.run else "builtin")
    if agent == "command" and not fields.run:
        raise Malformed("“agent: command” needs “run:”, the command to run", None)
    if fields.run and agent != "command":
        raise Malformed(f"“run:” is for “agent: command”, not for {agent}", None)
    title = fields.title or _first_line(body) or name
    if not body.strip() and not fields.run and not fields.title:
        raise Malformed("the file is empty: write what is to be done", None)
    retries = fields.max_retries if fields.max_retries is not None else (1 if agent in PAID_AGENTS else 3)
    values = fields.model_dump(exclude={"agent", "title", "max_retries", "status", "trusted_by"})
    return Mission(
        name=name,
        title=title,
        body=body,
        agent=agent,
        max_retries=retries,
        status=Status(fields.status),
        **values,
    )


def _first_line(body: str) -> str:
    line = next((line.strip(" #\t") for line in body.splitlines() if line.strip(" #\t")), "")
    return line if len(line) <= 80 else line[:79].rsplit(" ", 1)[0] + "…"


def decode(data: bytes) -> str:
    """A file's text. Raises Malformed for what no mission can be: too large, binary, not UTF-8."""
    if len(data) > SIZE_ROOF:
        raise Malformed(f"the file has {len(data):,} bytes; a mission has at most {SIZE_ROOF:,}", None)
    if b"\0" in data:
        raise Malformed("this is a binary file, not Markdown", None)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise Malformed(f"byte {data[error.start]:#04x} is not UTF-8 text", line) from error


EXPECTED = {
    "priority": "a whole number from 0 to 9",
    "timeout_seconds": "a whole number of seconds, a week at most",
    "max_retries": "a whole number from 0 to 100",
    "budget_usd": "an amount in dollars, such as 2.50",
    "not_before": "a time, such as 2026-12-01T08:00:00Z",
    "to": "a list of words, such as [gpu, desktop]",
    "depends_on": "a list of missions, such as [add-login]",
    "scope": 'a list of paths, such as ["src/**"]',
    "status": "queued, running, review, done, failed, dead or cancelled",
}


def explain(error: ValidationError, lines: Mapping[str, int]) -> tuple[str, int | None]:
    """The first thing wrong, in words, and its line. The text names the field and what was found there."""
    first = error.errors(include_url=False, include_context=False)[0]
    key = str(first["loc"][0]) if first["loc"] else ""
    line = lines.get(key)
    if first["type"] == "extra_forbidden":
        return f"unknown field “{key}”", line
    found = first.get("input")
    if key in EXPECTED and first["type"] != "value_error":
        return f"“{key}” must be {EXPECTED[key]}, not {_shown(found)}", line
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "value_error":
        return f"“{key}”: {message}", line
    return f"“{key}” cannot be {_shown(found)}: {message[0].lower()}{message[1:]}", line


def _shown(value: object) -> str:
    try:
        text = f"“{value}”" if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    except TypeError:  # a mapping whose keys are not text
        text = str(value)
    text = text.encode("utf-8", "backslashreplace").decode()  # half a character, which no terminal can show
    return text if len(text) <= 60 else text[:59] + "…"


def body_of(body: str) -> str:
    """What the person asks for: the body without what nodes wrote below it."""
    return body.partition(RESULT_MARK)[0].strip("\r\n")


def essence(data: bytes) -> str | None:
    """A person's part of a mission file in a canonical form: two files with the same essence ask for the same thing.

    None for a file that cannot be read. Whoever changed the essence last is who must be trusted.
    """
    try:
        block = frontmatter.split(decode(data).removeprefix(frontmatter.MARK))
    except Malformed:
        return None
    fields = {key: value for key, value in block.fields.items() if key not in NODE_FIELDS}
    return json.dumps([_canonical(fields), body_of(block.body)], sort_keys=True)


def _canonical(value: object) -> object:
    """A YAML value as JSON that tells apart what YAML tells apart: keys and values may be dates, bytes, null."""
    if isinstance(value, dict):
        return {f"{type(key).__name__} {key}": _canonical(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_canonical(inner) for inner in value]
    return value if value is None or isinstance(value, (str, int, float)) else f"{type(value).__name__} {value}"


def with_fields(text: str, changes: Mapping[str, Scalar]) -> str:
    """The file with node fields set. A file whose front matter cannot be read gets its text kept below a fresh one."""
    try:
        return frontmatter.write(text, changes)
    except Malformed:
        # Only for a file that broke after it was claimed: the person's text stays whole, as the body.
        newline = frontmatter.newline_of(text)
        return frontmatter.write(newline + text, changes)


def with_attempt(text: str, section: str) -> str:
    """The file with one attempt's section added under `## Result`. Earlier attempts stay."""
    newline = frontmatter.newline_of(text)
    start = _body_start(text)
    head, mark, tail = text[start:].partition(RESULT_MARK)
    if not mark:
        head = head.rstrip("\r\n") + newline * 2  # what else ends the body is the person's
        tail = f"{newline}## Result{newline}"
    section = section.replace("\r\n", "\n").strip("\n").replace("\n", newline)
    return text[:start] + head + RESULT_MARK + tail.rstrip() + newline * 2 + section + newline


def _body_start(text: str) -> int:
    """Where the body begins; a file whose front matter cannot be read is all body."""
    skipped = len(text) - len(text.removeprefix(frontmatter.MARK))
    try:
        return skipped + frontmatter.split(text[skipped:]).body_start
    except Malformed:
        return 0
