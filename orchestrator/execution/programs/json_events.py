"""What is in a line of a program's output that should be a JSON object, whatever it really is?

Nothing here raises: a program may write anything, and its next version will.
"""

from __future__ import annotations

import math
import re
from abc import ABC, abstractmethod
from typing import Any

from handoff.secrets.excerpts import redacted_line
from handoff.warnings.action_warnings import MAX_ACTION_CHARS
from missions.plain_data import read_json
from orchestrator.core.ports.model import Usage
from orchestrator.core.quota_window import QuotaWindow
from orchestrator.execution.programs.port import EndedAction, ErrorKind, ParsedOutput

MAX_DENIALS = 100
"""Refusals that are remembered of one round."""
MAX_ACTIONS = 1000
"""Actions that are remembered of one round."""
MAIN_ARGUMENTS = ("command", "file_path", "pattern", "path")
MAX_SHOWN_CHARS = 200
"""Characters of an argument that are shown."""
MAX_OPEN_CALLS = 1000
"""Calls without a result yet that are remembered, the last ones."""
MAX_ID_CHARS = 200
"""Characters of a call's id; a longer one is none."""
MAX_PATCHED_FILES = 20
"""Files of one patch that are looked at."""
MAX_NUMBER = 10**12
"""The largest count that is believed: none that is larger can be stored or priced."""
MAX_ANSWER_CHARS = 1024 * 1024
"""Characters of an answer that are kept."""

_PATCHED = re.compile(r"^\*\*\* (?:Add|Update|Delete) File: (.+)$", re.MULTILINE)


def parse_event(line: str) -> dict[str, Any]:
    """The object that a line is; an empty one where it is none."""
    if not line.lstrip().startswith("{"):
        return {}
    try:
        found = read_json(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def value_at(found: object, *path: str) -> Any:
    """What stands at the end of a path of keys; None where there is nothing."""
    for key in path:
        found = found.get(key) if isinstance(found, dict) else None
    return found


def text_at(found: object, *path: str) -> str:
    """The text there, or ""."""
    value = value_at(found, *path)
    return value if isinstance(value, str) else ""


def main_argument(given: dict[str, Any]) -> str:
    """What a tool was used on, in one line: its command, file or pattern."""
    said = next((text_at(given, key) for key in MAIN_ARGUMENTS if text_at(given, key)), "")
    return redacted_line(said, MAX_SHOWN_CHARS)


def denied_call(found: dict[str, Any]) -> str:
    """How a call is named that was denied: its tool, and on what it was used."""
    return f"{text_at(found, 'tool_name')[:MAX_SHOWN_CHARS]} {main_argument(object_at(found, 'tool_input'))}".strip()


def call_id(found: object, *path: str) -> str:
    """The id of a call there, or ""."""
    found_id = text_at(found, *path)
    return found_id if len(found_id) <= MAX_ID_CHARS else ""


def patched_files(patch: str) -> tuple[str, ...]:
    """The files that a patch (`*** Begin Patch`) changes, the first so many."""
    return tuple(_PATCHED.findall(patch)[:MAX_PATCHED_FILES])


def number_at(found: object, *path: str) -> int:
    """The whole number there, or 0; never negative."""
    value = value_at(found, *path)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0
    if isinstance(value, float) and not math.isfinite(value):
        return 0
    return int(max(0, min(value, MAX_NUMBER)))


def usd_at(found: object, *path: str) -> float | None:
    """The amount there, or None."""
    value = value_at(found, *path)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e9:
        return None
    return float(value)


def objects_at(found: object, *path: str) -> list[dict[str, Any]]:
    """The objects in the list there."""
    value = value_at(found, *path)
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def object_at(found: object, *path: str) -> dict[str, Any]:
    """The object there, or an empty one."""
    value = value_at(found, *path)
    return value if isinstance(value, dict) else {}


class JsonEventParser(ABC):
    """What a reading gathers of a round; each program's own says what its events mean (`hear`)."""

    def __init__(self) -> None:
        self.ended = False
        self.session = ""
        self.answer = ""
        self.error = ""
        self.trouble: ErrorKind | None = None
        self.denials: list[str] = []
        self.denied_calls: dict[str, str] = {}
        self.actions: list[EndedAction] = []
        self.usage = Usage()
        self.heard = 0
        self.windows: dict[str, QuotaWindow] = {}

    def take(self, line: str) -> str:
        """Takes one line; a line that is no event is passed on to `plain`."""
        found = parse_event(line)
        return self.hear(found) if found else self.plain(line)

    @abstractmethod
    def hear(self, found: dict[str, Any]) -> str:
        """Takes one event; returns what people should see of it."""

    def plain(self, line: str) -> str:
        """Takes a line that is no event."""
        return line

    def told(self, exit_code: int | None) -> ParsedOutput:
        """What is known by now."""
        return ParsedOutput(
            ended=self.ended,
            session=self.session,
            answer=self.answer,
            error=self.error,
            trouble=self.trouble,
            denials=tuple(self.denials),
            denied_calls=dict(self.denied_calls),
            actions=tuple(self.actions),
            usage=self.usage,
            heard=self.heard,
            windows=tuple(self.windows.values()),
        )

    def deny(self, what: str, call: str = "") -> None:
        """Remembers a refusal, each once; `call` is the id of the call, if it has one."""
        if call and len(self.denied_calls) < MAX_DENIALS:
            self.denied_calls[call] = what
        if what not in self.denials and len(self.denials) < MAX_DENIALS:
            self.denials.append(what)

    def act(self, action: str, *, ok: bool | None, call: str = "", hooked: bool = False) -> None:
        """Remembers that something was done; `hooked` as `EndedAction` has it."""
        if action and len(self.actions) < MAX_ACTIONS:
            self.actions.append(EndedAction(action=action[:MAX_ACTION_CHARS], ok=ok, call=call, hooked=hooked))
