"""How is a mission's document read, and how do nodes write into it without touching a person's words?"""

from __future__ import annotations

import json
from collections.abc import Mapping

from missions import frontmatter
from missions.agents.agent_names import is_paid_agent
from missions.declared.plain_values import WrongValues, assembled
from missions.errors import BadName, escape_surrogates
from missions.fields import NODE_FIELDS, explain, explain_all, read_fields, too_few_attempts
from missions.frontmatter import Malformed, Scalar
from missions.mission import (
    AGENT_SEPARATOR,
    AUTO,
    FINISHED,
    NO_PROJECT,
    UPDATE_AGENT,
    UPDATE_TASK,
    Mission,
    MissionFields,
    Quarantined,
    slug,
)
from missions.one_line import shorten

MAX_FILE_BYTES = 256 * 1024
"""Bytes. A mission is a page that a person wrote; anything larger is a file that landed in the wrong folder."""

RESULT_MARK = "<!-- shiftbook: nodes write below this line -->"


def read(path: str, data: bytes) -> Mission | Quarantined:
    """A mission file's bytes as a Mission, or the reason and the line for which it is quarantined. Never raises."""
    stem = path.rsplit("/", 1)[-1]
    stem = stem[: -len(".md")] if stem.lower().endswith(".md") else stem
    try:
        name = slug(stem)
        text = decode(data)
        text = text.removeprefix(frontmatter.BYTE_ORDER_MARK)
        frontmatter.refuse_misplaced(text)
        block = frontmatter.split(text)
        frontmatter.refuse_cut(block, "title")
        fields = read_fields(block.fields)
        return _build_mission(name, fields, body_of(block.body))
    except BadName as error:
        return Quarantined(name=stem, path=path, reason=str(error), hint="rename the file")
    except Malformed as error:
        return Quarantined(name=slug(stem), path=path, reason=error.reason, line=error.line)
    except WrongValues as error:
        reason, line = explain(error, block.lines)
        return Quarantined(name=name, path=path, reason=escape_surrogates(reason), line=line)


def _is_tried_once(agent: str) -> bool:
    """Whether it costs money, or changes a node's program, so that a failed attempt is not repeated unasked."""
    return agent in {AUTO, UPDATE_AGENT} or is_paid_agent(agent)


def field_problems(data: bytes) -> list[tuple[str, int | None]]:
    """Every field of the front matter that has a wrong value, in words with its line; what `read` says the first of."""
    try:
        block = frontmatter.split(decode(data).removeprefix(frontmatter.BYTE_ORDER_MARK))
    except Malformed:
        return []
    try:
        read_fields(block.fields)
    except WrongValues as error:
        return [(escape_surrogates(reason), line) for reason, line in explain_all(error, block.lines)]
    return []


def _build_mission(name: str, fields: MissionFields, body: str) -> Mission:
    agent = fields.agent or _default_agent(fields)
    order = tuple(agent.split(AGENT_SEPARATOR)) if AGENT_SEPARATOR in agent else ()
    agent = AUTO if order else agent
    if (agent == "review") != (fields.task == "review"):
        raise Malformed("“task: review” and “agent: review” go together: nothing else reviews the logs", None)
    _check_update(agent, fields)
    if why := too_few_attempts(fields.attempts, fields.agents):
        raise Malformed(why, None)
    if fields.agents or (fields.attempts or 1) > 1:
        why = f"it asks for several attempts side by side: `shiftbook mission split {name}` makes a mission of each"
        raise Malformed(why, None)
    if agent == "command" and not fields.run:
        raise Malformed("“agent: command” needs “run:”, the command to run", None)
    if fields.run and agent != "command":
        raise Malformed(f"“run:” is for “agent: command”, not for {agent}", None)
    title = fields.title or _first_line(body) or name
    if not body.strip() and not fields.run and not fields.title:
        raise Malformed("the file is empty: write what is to be done", None)
    retries = fields.max_retries if fields.max_retries is not None else (1 if _is_tried_once(agent) else 3)
    projectless = (fields.project or "").strip().lower() == NO_PROJECT
    return assembled(
        Mission,
        vars(fields)
        | {
            "name": name,
            "title": title,
            "body": body,
            "agent": agent,
            "agent_order": order,
            "project": None if projectless else fields.project,
            "projectless": projectless,
            "max_retries": retries,
        },
    )


def _default_agent(fields: MissionFields) -> str:
    """Who works on a mission that names no agent."""
    if fields.run:
        return "command"
    return {"review": "review", "coding_task": AUTO, UPDATE_TASK: UPDATE_AGENT}.get(fields.task, "builtin")


def _check_update(agent: str, fields: MissionFields) -> None:
    """An update of one node names its release and nothing else. Raises Malformed."""
    wanted = fields.task == UPDATE_TASK
    if (agent == UPDATE_AGENT) != wanted:
        raise Malformed(f"“task: {UPDATE_TASK}” and “agent: {UPDATE_AGENT}” go together: nothing else updates", None)
    if wanted != (fields.release is not None):
        raise Malformed(f"“task: {UPDATE_TASK}” needs “release:”, such as v1.2.0, and nothing else has it", None)
    if wanted and (len(fields.to) != 1 or fields.project or fields.patch or fields.attachments):
        raise Malformed("an update is for one node (“to: [desk]”), and has no project and no files", None)


def _first_line(body: str) -> str:
    line = next((line.strip(" #\t") for line in body.splitlines() if line.strip(" #\t")), "")
    return shorten(line, 80, words=True)


def decode(data: bytes) -> str:
    """A file's text. Raises Malformed for what no mission can be: too large, binary, not UTF-8."""
    if len(data) > MAX_FILE_BYTES:
        raise Malformed(f"the file has {len(data):,} bytes; a mission has at most {MAX_FILE_BYTES:,}", None)
    if b"\0" in data:
        raise Malformed("this is a binary file, not Markdown", None)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise Malformed(f"byte {data[error.start]:#04x} is not UTF-8 text", line) from error


def body_of(body: str) -> str:
    """What the person asks for: the body without what nodes wrote below it."""
    return body.partition(RESULT_MARK)[0].strip("\r\n")


def requested_content(data: bytes) -> str | None:
    """A person's part of a mission file in a canonical form: two files with the same essence ask for the same thing.

    None for a file that cannot be read. Whoever changed the essence last is who must be trusted.
    """
    try:
        block = frontmatter.split(decode(data).removeprefix(frontmatter.BYTE_ORDER_MARK))
    except Malformed:
        return None
    fields = {key: value for key, value in block.fields.items() if key not in NODE_FIELDS}
    return json.dumps([canonical(fields), body_of(block.body)], sort_keys=True)


def canonical(value: object) -> object:
    """A YAML value as JSON that tells apart what YAML tells apart: keys and values may be dates, bytes, null."""
    if isinstance(value, dict):
        return {f"{type(key).__name__} {key}": canonical(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [canonical(inner) for inner in value]
    return value if value is None or isinstance(value, (str, int, float)) else f"{type(value).__name__} {value}"


def with_fields(text: str, changes: Mapping[str, Scalar]) -> str:
    """The file with node fields set. One whose front matter cannot be read keeps its text, and stays quarantined.

    Unless it is finished: then it goes to the archive, where it must be readable, with its text below a fresh block.
    """
    try:
        return frontmatter.write(text, changes)
    except Malformed:  # only a file that broke after it was claimed
        newline = frontmatter.newline_of(text)
        if changes.get("status") in FINISHED:
            return frontmatter.write(newline + text, changes)
        return frontmatter.write_broken(text, changes)


def append_result(text: str, section: str) -> str:
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
    skipped = len(text) - len(text.removeprefix(frontmatter.BYTE_ORDER_MARK))
    try:
        return skipped + frontmatter.split(text[skipped:]).body_start
    except Malformed:
        return 0
