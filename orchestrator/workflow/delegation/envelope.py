"""How does a mission come as an envelope, and a result go back as one? The wire form, as JSON.

`{job_id, idempotency_key, priority, timeout_seconds, max_retries, payload: {task, context}}`, where `task` is
`<task_type>:<description>`, and `{job_id, status: SUCCESS|FAILED, result, error}`: the same on every bus.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from missions import frontmatter
from missions.errors import BadName
from missions.mission import CODING_TASK, Status, slug
from missions.plain_data import read_json
from orchestrator.core.errors import WrongSetting

CONTEXT_FIELDS = ("title", "project", "agent", "to", "capabilities", "depends_on", "scope", "budget_usd")
"""Keys of the context that are fields of the mission; whatever else it has stands below the text, as JSON. What runs a
command, approves or trusts is a person's to write."""
LEDGER_TASKS = {
    "bootstrap_repo": CODING_TASK,
    "coding_task": CODING_TASK,
    "general_task": "general_task",
    "research_task": "general_task",
}
"""The task types that the ledger does itself, each with the mission's `task` there."""
OPENINGS = {
    "bootstrap_repo": "Set this project up so that it builds, and its tests run.\n\n",
    "research_task": "Find out, and say where each finding is from.\n\n",
}
"""What such a mission's text begins with."""
TASK_CAPABILITY = "task-"
"""What a mission of any other type asks of its node, before the type's name: no node but those of the bus has it."""
ANY_TYPE = {"any_type": True}
"""A validation's context in which a type need not be one of the ledger's."""
CONTEXT_BLOCK = re.compile(r"\n\nContext:\n\n(?P<fence>`{3,})json\n(?P<json>\{(?s:.)*\n\})\n(?P=fence)\s*\Z")
"""The block at the end of a mission's text that holds its context, as `_rest` writes it."""
MAX_CONTEXT_CHARS = 64 * 1024
MAX_DESCRIPTION_CHARS = 100_000
MAX_KEY_CHARS = 200
MAX_ATTEMPTS = 100


class DelegationPayload(BaseModel):
    """What is to be done."""

    model_config = ConfigDict(extra="forbid")
    task: str = Field(min_length=3, max_length=MAX_DESCRIPTION_CHARS, description="<task_type>:<description>")
    context: dict[str, Any] = Field(default_factory=dict)

    @field_validator("task")
    @classmethod
    def _typed(cls, value: str, info: ValidationInfo) -> str:
        kind, colon, description = value.partition(":")
        known = kind in LEDGER_TASKS or bool(info.context)
        if not colon or not kind or not known or not description.strip():
            raise ValueError(f"write <task_type>:<description>; the types are {', '.join(sorted(LEDGER_TASKS))}")
        return value


class DelegationEnvelope(BaseModel):
    """A mission from elsewhere. `idempotency_key` (else `job_id`): however often it comes, it is one mission."""

    model_config = ConfigDict(extra="forbid")
    job_id: Annotated[str, Field(min_length=1, max_length=80)]
    idempotency_key: Annotated[str, Field(max_length=MAX_KEY_CHARS)] = ""
    priority: Annotated[int, Field(ge=0, le=9)] = 1
    timeout_seconds: Annotated[int, Field(gt=0, le=7 * 86_400)] = 3600
    max_retries: Annotated[int, Field(ge=0, le=MAX_ATTEMPTS)] | None = None
    payload: DelegationPayload

    @field_validator("job_id")
    @classmethod
    def _named(cls, value: str) -> str:
        try:
            slug(value)
        except BadName as error:
            raise ValueError("no name can be made of it: letters and digits, at most 80") from error
        return value

    @property
    def mission(self) -> str:
        """The mission's name."""
        return slug(self.job_id)

    @property
    def key(self) -> str:
        """Under what it is filed once."""
        return self.idempotency_key or self.job_id


def read_envelope(text: str) -> DelegationEnvelope:
    """An envelope as it comes over a bus: of any type. Raises WrongSetting, which names what is wrong first."""
    try:
        return DelegationEnvelope.model_validate_json(text, context=ANY_TYPE)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "envelope"
        raise WrongSetting(where, first["msg"].removeprefix("Value error, ")) from None


def mission_text(envelope: DelegationEnvelope) -> str:
    """The envelope as a mission's file. Raises WrongSetting for a context that no file can hold."""
    kind, _, description = envelope.payload.task.partition(":")
    context = dict(envelope.payload.context)
    fields: dict[str, str] = {"task": LEDGER_TASKS.get(kind, "general_task"), "priority": str(envelope.priority)}
    if kind not in LEDGER_TASKS:
        if "capabilities" in context or "to" in context:
            raise WrongSetting("payload.context", f"a {kind} goes to whoever offers that task type, and nobody else")
        fields["capabilities"] = _print("capabilities", [f"{TASK_CAPABILITY}{kind}"])
        description = envelope.payload.task
    fields["timeout_seconds"] = str(envelope.timeout_seconds)
    if envelope.max_retries is not None:
        fields["max_retries"] = str(envelope.max_retries)
    fields |= {key: _print(key, context.pop(key)) for key in CONTEXT_FIELDS if key in context}
    head = "\n".join(f"{key}: {value}" for key, value in fields.items())
    opening = OPENINGS.get(kind, "")
    return f"---\n{head}\n---\n{opening}{description.strip()}\n{_rest(context)}"


def split_context(text: str) -> tuple[str, dict[str, Any]]:
    """A mission's text without the context that `mission_text` wrote below it, and that context; the whole text and
    none where there is no such block."""
    found = CONTEXT_BLOCK.search(text)
    if found is None:
        return text, {}
    try:
        context = read_json(found["json"])
    except ValueError:  # a person has changed it: it is text
        return text, {}
    return (text[: found.start()], context) if isinstance(context, dict) else (text, {})


def _rest(context: Mapping[str, Any]) -> str:
    """What of the context is no field, as a block below the text."""
    if not context:
        return ""
    try:
        text = json.dumps(context, ensure_ascii=False, indent=1, allow_nan=False)
    except ValueError as error:
        raise WrongSetting("payload.context", "it holds what JSON cannot say") from error
    if len(text) > MAX_CONTEXT_CHARS:
        raise WrongSetting("payload.context", f"at most {MAX_CONTEXT_CHARS} characters")
    fence = "`" * max(3, 1 + max((len(run) for run in text.split() if set(run) == {"`"}), default=0))
    return f"\nContext:\n\n{fence}json\n{text}\n{fence}\n"


def _print(key: str, value: Any) -> str:
    """A field as its line has it. Raises WrongSetting for what no field can be."""
    plain = (str, int, float)
    if isinstance(value, list) and all(isinstance(one, plain) for one in value):
        return frontmatter.print_list(value)
    if isinstance(value, plain) and not isinstance(value, bool):
        return frontmatter.print_scalar(value)
    raise WrongSetting(f"payload.context.{key}", "a text, a number, or a list of them")


def result_of(view: Mapping[str, Any]) -> dict[str, Any]:
    """What became of a mission (as `mission list --json` has it), as an envelope; `status` is null until it ended."""
    status = str(view["status"])
    failed = status in {Status.DEAD, Status.CANCELLED, Status.QUARANTINED}
    word = "SUCCESS" if status == Status.DONE else "FAILED" if failed else None
    return {
        "job_id": view["name"],
        "status": word,
        "result": {key: view[key] for key in ("node", "agent", "answered_by", "branch", "commit", "finished")}
        if word == "SUCCESS"
        else None,
        "error": (view["reason"] or status) if failed else "",
    }
