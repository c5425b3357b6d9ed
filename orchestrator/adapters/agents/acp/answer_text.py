"""What does a program say to its user: its answer, and what people who watch see of it as it comes?"""

from __future__ import annotations

from collections.abc import Mapping
from io import StringIO
from typing import Any

from handoff.secrets.excerpts import redacted_line
from orchestrator.execution.programs.json_events import MAX_ANSWER_CHARS, main_argument, object_at, text_at

MAX_TITLE_CHARS = 200
MAX_PENDING_CHARS = 64 * 1024
"""Characters without a line's end after which they are shown all the same."""
MAX_CALLS = 10_000
"""Calls whose ids are kept, to know one that is told again."""
MAX_ID_CHARS = 200
"""Characters of an id that are looked at."""


class AnswerText:
    """Gathers the pieces of a turn. The answer is what was said after the last call of a tool."""

    def __init__(self) -> None:
        self._said = StringIO()
        self._size = 0
        self._answer: str | None = ""
        self._pending = ""
        self._calls: set[str] = set()

    def take(self, update: Mapping[str, Any]) -> str:
        """Takes an update of the session; returns the whole lines that it ends."""
        match text_at(update, "sessionUpdate"):
            case "agent_message_chunk":
                return self._text(text_at(update, "content", "text"))
            case "tool_call":
                return self._call(update)
        return ""

    def rest(self) -> str:
        """What was not shown yet, when the turn is over."""
        shown, self._pending = self._pending, ""
        return shown

    @property
    def answer(self) -> str:
        """What was said last."""
        if self._answer is None:
            self._answer = self._said.getvalue().strip()
        return self._answer

    def _text(self, text: str) -> str:
        if text and self._size < MAX_ANSWER_CHARS:
            self._size += self._said.write(text[: MAX_ANSWER_CHARS - self._size])
            self._answer = None
        lines, end, rest = (self._pending + text).rpartition("\n")
        self._pending = rest
        return lines if end and len(rest) < MAX_PENDING_CHARS else f"{lines}{end}{self.rest()}" if end else self._long()

    def _long(self) -> str:
        return self.rest() if len(self._pending) >= MAX_PENDING_CHARS else ""

    def _call(self, update: Mapping[str, Any]) -> str:
        name = text_at(update, "toolCallId")[:MAX_ID_CHARS]
        if name in self._calls:
            return ""
        if len(self._calls) < MAX_CALLS:
            self._calls.add(name)
        self._said, self._size, self._answer = StringIO(), 0, ""
        title = redacted_line(text_at(update, "title") or text_at(update, "kind"), MAX_TITLE_CHARS)
        given = main_argument(object_at(update, "rawInput"))
        shown = title if not given or given in title else f"{title}: {given}"
        return "\n".join(filter(None, (self.rest(), f"[{shown}]")))
