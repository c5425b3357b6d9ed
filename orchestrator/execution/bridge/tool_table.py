"""Which tools does an agent's own server offer, in which words, and how often may one run use each?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from orchestrator.core.ports.run_desk import ASK, FAILED_HERE, FILE_MISSION, HANDOFF, RECALL
from orchestrator.execution.proposals import MAX_PROPOSALS

SERVER_NAME = "shiftbook"
MAX_WORDS = 40
"""Items of a list."""
NO_ARGUMENTS: Mapping[str, Any] = MappingProxyType({})


def _text(most: int, says: str) -> dict[str, Any]:
    return {"type": "string", "maxLength": most, "description": says}


def _number(least: int, most: int, says: str) -> dict[str, Any]:
    return {"type": "integer", "minimum": least, "maximum": most, "description": says}


def _words(says: str) -> dict[str, Any]:
    item = {"type": "string", "maxLength": 300}
    return {"type": "array", "items": item, "maxItems": MAX_WORDS, "description": says}


@dataclass(frozen=True, kw_only=True)
class BridgeTool:
    """A tool as programs are told of it. `most` is how often one run may call it; the point of what it says comes
    first, because programs cut what is long."""

    says: str
    arguments: Mapping[str, Mapping[str, Any]]
    needed: tuple[str, ...] = ()
    most: int = 60
    reads: bool = True
    """Whether it changes nothing."""
    defaults: Mapping[str, Any] = field(default_factory=dict)

    def told(self, name: str) -> dict[str, Any]:
        """As `tools/list` has it."""
        schema = {
            "type": "object",
            "properties": {key: dict(rule) for key, rule in self.arguments.items()},
            "required": list(self.needed),
            "additionalProperties": False,
        }
        hints = {"readOnlyHint": self.reads, "destructiveHint": False, "openWorldHint": False}
        return {"name": name, "description": self.says, "inputSchema": schema, "annotations": hints}


TOOLS: Mapping[str, BridgeTool] = {
    HANDOFF: BridgeTool(
        says="Read what earlier instances left for this task: portfolio, project, briefing, newest log entries, with "
        "their files and entries. It is longer and, with `task`, more to the point than what your prompt has.",
        arguments={
            "task": _text(4000, "What you are about to do; what bears on it is recalled. Empty: your mission."),
            "tokens": _number(200, 6000, "Tokens at most."),
        },
        defaults={"task": "", "tokens": 4000},
        most=10,
    ),
    RECALL: BridgeTool(
        says="Search the journal of this project and of the fleet: what did earlier sessions do, decide, learn? Each "
        "match names its entry.",
        arguments={
            "query": _text(1000, "What you look for, in words."),
            "limit": _number(1, 20, "Matches at most."),
        },
        needed=("query",),
        defaults={"limit": 5},
    ),
    FAILED_HERE: BridgeTool(
        says="What failed here before? Ask before a command that may fail or a file that others broke: the journal's "
        "warnings about just that, each with its entry.",
        arguments={"action": _text(4000, "The command line, or the path of a file in the project.")},
        needed=("action",),
        most=100,
    ),
    FILE_MISSION: BridgeTool(
        says="Propose a mission for work that you found and that is not part of this task. It is filed with your "
        "result; a policy or a person decides whether it runs. Do not do that work yourself.",
        arguments={
            "title": _text(200, "What is to be done, in a line."),
            "text": _text(20_000, "What is to be done, told to somebody new."),
            "name": _text(80, "A short name; empty: from the title."),
            "task": {
                "type": "string",
                "enum": ["general_task", "coding_task"],
                "description": "general_task: an answer; coding_task: changed files.",
            },
            "priority": _number(0, 9, "9 is first."),
            "depends_on": _words("Names of missions that must be done before it."),
            "scope": _words("Paths that it may change, as in .gitignore."),
            "capabilities": _words("What its node must have."),
        },
        needed=("title", "text"),
        most=MAX_PROPOSALS,
        reads=False,
    ),
    ASK: BridgeTool(
        says="Ask a person what you cannot decide. Nobody may be there: then your work rests with the question, at no "
        "cost, and goes on with the answer. Do first what needs no answer; ask once, and all of it.",
        arguments={"question": _text(2000, "The question, with what the person must know to answer it.")},
        needed=("question",),
        most=3,
        reads=False,
    ),
}


class WrongArguments(Exception):
    """A call's arguments are not as the tool wants them. The text says which."""


def checked_arguments(tool: BridgeTool, given: object) -> dict[str, Any]:
    """What a call was given, with what it left out. Raises WrongArguments."""
    if not isinstance(given, dict):
        raise WrongArguments("arguments: an object is needed")
    if unknown := next((str(key) for key in given if key not in tool.arguments), None):
        raise WrongArguments(f"there is no argument {unknown[:80]!r}: there are {', '.join(tool.arguments)}")
    found = {**tool.defaults, **{key: value for key, value in given.items() if value is not None}}
    for key, value in found.items():
        if why := _wrong(tool.arguments[key], value):
            raise WrongArguments(f"{key}: {why}")
    if lacks := next((key for key in tool.needed if not str(found.get(key, "")).strip()), ""):
        raise WrongArguments(f"{lacks}: it is needed")
    return found


def _wrong(rule: Mapping[str, Any], value: object) -> str:
    """What is wrong with a value; "" if nothing is."""
    match rule["type"]:
        case "integer":
            whole = isinstance(value, int) and not isinstance(value, bool)
            if not whole or not rule["minimum"] <= value <= rule["maximum"]:
                return f"a whole number from {rule['minimum']} to {rule['maximum']} is needed"
        case "array":
            if not isinstance(value, list) or len(value) > rule["maxItems"]:
                return f"a list of at most {rule['maxItems']} words is needed"
            return next((why for each in value if (why := _wrong(rule["items"], each))), "")
        case _:
            if not isinstance(value, str) or len(value) > rule.get("maxLength", MAX_WORDS):
                return f"a text of at most {rule.get('maxLength', MAX_WORDS)} characters is needed"
            if "enum" in rule and value not in rule["enum"]:
                return f"one of {', '.join(rule['enum'])} is needed"
    return ""
