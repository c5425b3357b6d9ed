"""Which command lines does a program say that it ran, with which exit code, and which files that it changed?

The protocol has a call's state and not how a command went: what is refused has failed, too. So only an exit code says
that, where a program tells one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from handoff.warnings.action_warnings import MAX_ACTION_CHARS
from orchestrator.core.ports.action_warner import REFUSED_ONCE
from orchestrator.execution.programs.json_events import (
    MAX_ACTIONS,
    MAX_ID_CHARS,
    MAX_OPEN_CALLS,
    objects_at,
    text_at,
    value_at,
)
from orchestrator.execution.programs.port import EndedAction

PATH_ARGUMENTS = ("file_path", "path")
"""What their tools that change a file call it."""
CALL_UPDATES = frozenset({"tool_call", "tool_call_update"})


def plain_command(line: str) -> str:
    """A command line as it is compared: qwen takes the last `&` off one that it runs in the background."""
    return line.strip().removesuffix("&").rstrip()


@dataclass(frozen=True, kw_only=True)
class _OpenCall:
    """What a call runs, or the file that it changes, as far as it was told of."""

    command: str = ""
    path: str = ""


class EndedCalls:
    """Gathers them from the updates of a session, the first so many."""

    def __init__(self) -> None:
        self._open: dict[str, _OpenCall] = {}
        self.actions: list[EndedAction] = []

    def take(self, update: Mapping[str, Any]) -> None:
        """Takes an update of the session."""
        if text_at(update, "sessionUpdate") not in CALL_UPDATES:
            return
        self.begin(update)
        call, status = text_at(update, "toolCallId"), text_at(update, "status")
        if status in {"completed", "failed"} and (ran := self._open.pop(call, None)):
            if ran.command:
                code = _exit_code(update)
                self._add(EndedAction(action=ran.command, ok=None if code is None else code == 0))
            elif status == "completed":
                self._add(EndedAction(action=ran.path, ok=True, hooked=True))
            elif _was_held_back(update):
                self._add(EndedAction(action=ran.path, ok=None))

    def begin(self, told: Mapping[str, Any]) -> None:
        """Takes what is told of a call. What it does may come later than that there is one, or only with the question
        whether it may be done."""
        call, given = text_at(told, "toolCallId"), value_at(told, "rawInput")
        command = plain_command(text_at(given, "command"))
        if text_at(told, "kind") == "edit":
            paths = [text_at(given, name) for name in PATH_ARGUMENTS]
        else:
            paths = [text_at(each, "path") for each in objects_at(told, "content") if text_at(each, "type") == "diff"]
        path = next(filter(None, paths), "")
        if (command or path) and len(call) <= MAX_ID_CHARS:
            self._open[call] = _OpenCall(command=command[:MAX_ACTION_CHARS], path=path[:MAX_ACTION_CHARS])
            while len(self._open) > MAX_OPEN_CALLS:
                del self._open[next(iter(self._open))]

    def _add(self, ended: EndedAction) -> None:
        if len(self.actions) < MAX_ACTIONS:
            self.actions.append(ended)


def _exit_code(update: Mapping[str, Any]) -> int | None:
    """As qwen tells it, or copilot."""
    told = (value_at(update, "rawOutput"), *objects_at(update, "rawOutput", "contents"))
    codes = (value_at(each, "exitCode") for each in told)
    return next((code for code in codes if isinstance(code, int) and not isinstance(code, bool)), None)


def _was_held_back(update: Mapping[str, Any]) -> bool:
    """Whether a call failed because a hook said so, once, as copilot tells it, or qwen."""
    told = (text_at(each, "content", "text") for each in objects_at(update, "content"))
    return any(REFUSED_ONCE in text for text in (text_at(update, "rawOutput", "message"), *told))
