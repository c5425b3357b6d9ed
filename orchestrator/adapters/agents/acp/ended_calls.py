"""Which command lines does a program say that it ran, and with which exit code?

The protocol has a call's state and not how a command went: what is refused has failed, too. So only an exit code says
that, where a program tells one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from handoff.warnings.action_warnings import MAX_ACTION_CHARS
from orchestrator.execution.programs.json_events import (
    MAX_ACTIONS,
    MAX_ID_CHARS,
    MAX_OPEN_CALLS,
    text_at,
    value_at,
)
from orchestrator.execution.programs.port import EndedAction

CALL_UPDATES = frozenset({"tool_call", "tool_call_update"})


def plain_command(line: str) -> str:
    """A command line as it is compared: qwen takes the last `&` off one that it runs in the background."""
    return line.strip().removesuffix("&").rstrip()


class EndedCalls:
    """Gathers them from the updates of a session, the first so many."""

    def __init__(self) -> None:
        self._open: dict[str, str] = {}
        self.actions: list[EndedAction] = []

    def take(self, update: Mapping[str, Any]) -> None:
        """Takes an update of the session."""
        if text_at(update, "sessionUpdate") not in CALL_UPDATES:
            return
        self.begin(update)
        call = text_at(update, "toolCallId")
        if text_at(update, "status") in {"completed", "failed"} and (ran := self._open.pop(call, "")):
            code = value_at(update, "rawOutput", "exitCode")
            ok = code == 0 if isinstance(code, int) and not isinstance(code, bool) else None
            if len(self.actions) < MAX_ACTIONS:
                self.actions.append(EndedAction(action=ran, ok=ok))

    def begin(self, told: Mapping[str, Any]) -> None:
        """Takes what is told of a call. What it runs may come later than that there is one, or only with the question
        whether it may run."""
        call, command = text_at(told, "toolCallId"), text_at(told, "rawInput", "command")
        if command and len(call) <= MAX_ID_CHARS:
            self._open[call] = plain_command(command)[:MAX_ACTION_CHARS]
            while len(self._open) > MAX_OPEN_CALLS:
                del self._open[next(iter(self._open))]
