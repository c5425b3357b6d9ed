"""What is a tool, and what may it do without asking?"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from handoff.secrets.excerpts import redacted_excerpt
from orchestrator.core.errors import OrchestratorError
from orchestrator.core.ports.action_warner import ActionWarner, Unwarned
from orchestrator.core.ports.model import Stop

if TYPE_CHECKING:  # a node whose model uses no tools needs no pydantic
    from orchestrator.chat.tools.tool_arguments import ToolArguments

MAX_RESULT_CHARACTERS = 6000
"""Characters of a result that the model is given; what is left out is said."""
MAX_TRACED_CHARACTERS = 2000
"""Characters of a result that are kept in the trace."""


HELD_BACK = "held back"
"""What stands in a trace in place of a permission where the journal's warning came first: that is no refusal."""


class ToolPermission(StrEnum):
    """What policy says to a call."""

    ALLOW = "allow"
    ASK = "ask"
    DENY = "deny"


@dataclass(frozen=True, kw_only=True)
class ToolResult:
    """What came of a call. `text` is for the model; `changed` says whether something is different now."""

    text: str
    ok: bool = True
    changed: bool = False


class Tool(Protocol):
    """Something that a model may do in a workspace."""

    @property
    def name(self) -> str:
        """What a model calls it."""

    @property
    def says(self) -> str:
        """What it is for, in one line for the model."""

    @property
    def takes(self) -> type[ToolArguments]:
        """What a call is given."""

    def act(self, given: Any) -> str:
        """What policy calls this use of it: the tool's name, or a name and a verb (`git commit`)."""

    def use(self, given: Any, stop: Stop) -> ToolResult:
        """Does it. Raises OrchestratorError with what the model should know; ends within 5 s of `stop`."""


@dataclass(frozen=True, kw_only=True)
class ToolPolicy:
    """Which uses are held back for a person (`asks`), and which are refused. A tool's name covers all its verbs."""

    asks: frozenset[str] = frozenset({"git add", "git commit"})
    denies: frozenset[str] = frozenset()

    def leave(self, act: str) -> ToolPermission:
        """What is said to one use."""
        names = {act, act.partition(" ")[0]}
        return (
            ToolPermission.DENY
            if names & self.denies
            else ToolPermission.ASK
            if names & self.asks
            else ToolPermission.ALLOW
        )


@dataclass(frozen=True, kw_only=True)
class ToolRequest:
    """One use of a tool as the model asked for it."""

    tool: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class ToolTrace:
    """One use as it is kept: what was asked, what was said to it, what came of it, in how many seconds."""

    tool: str
    act: str
    arguments: Mapping[str, Any]
    leave: str
    ok: bool
    changed: bool
    result: str
    seconds: float

    def json(self) -> dict[str, Any]:
        """For the store and for people; the result is cut to its head."""
        head = redacted_excerpt(self.result, MAX_TRACED_CHARACTERS)
        return {**vars(self), "arguments": dict(self.arguments), "result": head, "seconds": round(self.seconds, 4)}


@dataclass(frozen=True, kw_only=True)
class Toolbox:
    """The tools of one workspace, under one policy."""

    tools: Sequence[Tool]
    policy: ToolPolicy
    root: Path
    lacks: Mapping[str, str] = field(default_factory=dict)
    """Tools that cannot be used here, with the reason."""
    warner: ActionWarner = field(default_factory=Unwarned)
    """Who says at a call what the journal knows of it."""

    MISSING: ClassVar[str] = "no such tool"

    @property
    def names(self) -> tuple[str, ...]:
        """What can be used, in order."""
        return tuple(tool.name for tool in self.tools)

    def act(self, call: ToolRequest) -> str:
        """What policy calls this use; the tool's name where its arguments cannot be read."""
        from pydantic import ValidationError

        tool = self._find(call.tool)
        try:
            return tool.act(tool.takes.model_validate(call.arguments)) if tool else call.tool
        except ValidationError:
            return call.tool

    def leave(self, call: ToolRequest) -> ToolPermission:
        """What policy says to this use."""
        return self.policy.leave(self.act(call)) if self._find(call.tool) else ToolPermission.ALLOW

    def use(self, call: ToolRequest, leave: str, stop: Stop) -> ToolTrace:
        """Does it; whatever goes wrong is the call's result, for the model to read."""
        began = time.monotonic()
        made = self._made(call, stop) if leave != ToolPermission.DENY.value else ToolResult(text=REFUSED_TEXT, ok=False)
        return ToolTrace(
            tool=call.tool,
            act=self.act(call),
            arguments=call.arguments,
            leave=leave,
            ok=made.ok,
            changed=made.changed,
            result=made.text,
            seconds=time.monotonic() - began,
        )

    def _made(self, call: ToolRequest, stop: Stop) -> ToolResult:
        from pydantic import ValidationError

        tool = self._find(call.tool)
        if tool is None:
            why = self.lacks.get(call.tool, f"there are {', '.join(self.names)}")
            return ToolResult(text=f"{self.MISSING}: {why}", ok=False)
        try:
            return tool.use(tool.takes.model_validate(call.arguments), stop)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            return ToolResult(text=f"arguments: {'.'.join(map(str, first['loc']))}: {first['msg']}", ok=False)
        except (OrchestratorError, OSError) as error:
            return ToolResult(text=str(error), ok=False)

    def _find(self, name: str) -> Tool | None:
        return next((tool for tool in self.tools if tool.name == name), None)


REFUSED_TEXT = "refused: policy or a person did not allow it. Do not try it again; say what you would have done."


def shorten_middle(text: str, roof: int = MAX_RESULT_CHARACTERS) -> str:
    """The text, or its beginning and its end, with how much is left out between them."""
    if len(text) <= roof:
        return text
    half = roof // 2
    return f"{text[:half]}\n[… {len(text) - roof:,} characters are left out here …]\n{text[-half:]}"


_UNSUPPORTED_KEYWORDS = frozenset(
    {"title", "default", "maxLength", "minLength", "pattern", "maxItems", "minimum", "maximum"}
)


def grammar_schema(takes: type[ToolArguments]) -> dict[str, Any]:
    """The arguments' JSON schema without the bounds that llama.cpp's grammars choke on; those are checked by us."""
    return _without_unsupported(takes.model_json_schema())  # type: ignore[no-any-return]


def object_schema(properties: dict[str, Any]) -> dict[str, Any]:
    """The JSON schema of an object that has just these properties, all of them."""
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _without_unsupported(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_without_unsupported(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {key: value for key, value in schema.items() if key not in _UNSUPPORTED_KEYWORDS or key == "properties"}
    return {
        key: {name: _without_unsupported(each) for name, each in value.items()}
        if key == "properties"
        else _without_unsupported(value)
        for key, value in inner.items()
    }
