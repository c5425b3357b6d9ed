"""Which tool calls wait for a person's approval, and what did they say?

A question lives as long as the answer that needs it: it is decided once, its time runs out, or who asked is gone.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestrator.core.errors import AlreadyDone, NotFound
from orchestrator.core.ports.model import Stop

DECISION_TIMEOUT_SECONDS = 600.0
"""How long a person has."""
POLL_SECONDS = 0.2
MAX_DECIDED_REQUESTS = 200
"""Decided questions that are remembered, so that a second word on one can be told from a wrong id."""


@dataclass(frozen=True, kw_only=True)
class ToolApprovalRequest:
    """A call that policy holds back."""

    id: str
    conversation: str
    act: str
    arguments: Mapping[str, Any]
    when: str


@dataclass
class _OpenRequest:
    question: ToolApprovalRequest
    decided: threading.Event = field(default_factory=threading.Event)
    allow: bool = False


class ToolApprovals:
    """The questions of this process."""

    def __init__(self, *, new_id: Callable[[], str], clock: Callable[[], float] = time.monotonic) -> None:
        self._new_id, self._clock = new_id, clock
        self._open: dict[str, _OpenRequest] = {}
        self._over: dict[str, None] = {}
        self._lock = threading.Lock()

    def ask(self, conversation: str, act: str, arguments: Mapping[str, Any], *, when: str) -> ToolApprovalRequest:
        """Puts a question."""
        question = ToolApprovalRequest(
            id=self._new_id(), conversation=conversation, act=act, arguments=arguments, when=when
        )
        with self._lock:
            self._open[question.id] = _OpenRequest(question)
        return question

    def wait(self, question: ToolApprovalRequest, stop: Stop, *, seconds: float = DECISION_TIMEOUT_SECONDS) -> bool:
        """Whether it is allowed; no word in time, and a stop, are a no."""
        held = self._open[question.id]
        over = self._clock() + seconds
        while not held.decided.wait(POLL_SECONDS) and not stop.is_set() and self._clock() < over:
            pass
        withdrawn = stop.is_set() or self._clock() > over  # also when a yes came in the same moment
        with self._lock:
            self._open.pop(question.id, None)
            self._over[question.id] = None
            for old in list(self._over)[:-MAX_DECIDED_REQUESTS]:
                del self._over[old]
            return held.allow and not withdrawn

    def decide(self, question_id: str, *, allow: bool) -> ToolApprovalRequest:
        """A person's word. Raises NotFound, and AlreadyDone where there was one or where it comes too late."""
        with self._lock:
            held = self._open.get(question_id)
            if question_id in self._over or (held and held.decided.is_set()):
                raise AlreadyDone("this was decided already, or its time is over")
            if held is None:
                raise NotFound("there is no such question")
            held.allow = allow
            held.decided.set()
            return held.question

    def waiting(self) -> tuple[ToolApprovalRequest, ...]:
        """What nobody has said a word on yet."""
        with self._lock:
            return tuple(held.question for held in self._open.values() if not held.decided.is_set())
