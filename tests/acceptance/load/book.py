"""What was acknowledged to the clients of a load run, and what was wrong with an answer?

Everything that `judge` later wants to find in the node's store exactly once.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

from tests.acceptance.load import words
from tests.acceptance.load.wire import Reply

PROBLEM = "application/problem+json"


@dataclass(kw_only=True)
class Asked:
    """One message that was sent. `seq` is 0 until the node acknowledged it; `heard` came as a stream."""

    text: str
    body: dict[str, Any]
    conversation: str = ""
    seq: int = 0
    heard: str = ""
    told: dict[str, Any] | None = None
    """The answer, where all of it came."""


@dataclass(kw_only=True)
class Book:
    """What all clients noted. `excuses` says whether the backend was away then."""

    excuses: Callable[[float, float], bool]
    counts: Counter[tuple[str, int]] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    suspects: list[tuple[str, float, float]] = field(default_factory=list)
    """503s, with their times: judged when it is known how long the backend was away."""
    asked: dict[str, Asked] = field(default_factory=dict)
    """By mark."""
    deleted: set[str] = field(default_factory=set)
    pushed: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Operations that were acknowledged, by id."""
    sent: set[str] = field(default_factory=set)
    """Operations that were sent, acknowledged or not."""
    states: dict[str, dict[int, Any]] = field(default_factory=dict)
    """Acknowledged states by device and seq."""
    health: list[float] = field(default_factory=list)
    """Seconds that /health took."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def fault(self, what: str) -> None:
        """Notes something that is wrong."""
        with self._lock:
            self.faults.append(what)

    def told(self, kind: str, reply: Reply, allowed: Collection[int]) -> bool:
        """Notes an answer, and whether it is one of those that may come; returns whether it is a good one."""
        with self._lock:
            self.counts[kind, reply.status] += 1
            if reply.status == 503 and kind != "ready":
                self.suspects.append((f"{kind}: 503 {reply.body[:200]!r}", reply.began, reply.ended))
            elif reply.status not in allowed:
                self.faults.append(f"{kind}: {reply.status or 'no answer'} {reply.body[:300]!r}")
            if why := malformed(kind, reply):
                self.faults.append(f"{kind}: {reply.status} {why}")
        return 200 <= reply.status < 300

    def ask(self, mark: str, asked: Asked) -> Asked:
        """Notes a message before it is sent."""
        with self._lock:
            self.asked[mark] = asked
        return asked

    def unexcused(self) -> list[str]:
        """The 503s that came while the backend was there."""
        return [what for what, began, ended in self.suspects if not self.excuses(began, ended)]


def malformed(kind: str, reply: Reply) -> str:
    """What is wrong with the form of an error; "" for none, and for a good answer."""
    if reply.status < 400 or kind == "ready":
        return ""
    told = reply.json()
    if words.BEAST.encode() in reply.body:
        return f"repeats what was sent: {reply.body[:300]!r}"
    if reply.status == 503 and "retry-after" not in reply.headers:
        return "without Retry-After"
    if reply.kind == PROBLEM:
        return "" if isinstance(told, dict) and told.get("status") == reply.status else "is no problem"
    if (
        reply.kind == "application/json"
        and isinstance(told, dict)
        and {"message", "type"} <= told.get("error", {}).keys()
    ):
        return ""  # OpenAI's form, on its own routes
    return f"is {reply.kind or 'nothing'}: {reply.body[:200]!r}"
