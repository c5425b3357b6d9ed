"""How does a node say what happens: events as lines for people, with a sign of life while it works, or as JSON?"""

from __future__ import annotations

import json
import sys
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime

from rich.console import Console
from rich.text import Text

from handoff.secrets.redact import redact, redact_values
from orchestrator.cli.console import RULE_COLOUR, STATUS_COLOURS, console
from orchestrator.cli.live.sign_of_life import SignOfLife, can_write_over

BEGINS = frozenset({"started", "took over"})
ENDS = frozenset({"done", "failed", "released", "cancelled", "parked", "late", "refused"})


class JsonLines:
    """Each event as one JSON object a line on standard output."""

    def __init__(self) -> None:
        self._said: set[tuple[str, str]] = set()

    def __call__(self, event: str, sentence: str, *, once: bool = False, **facts: object) -> None:
        """Takes the line."""
        if once and (event, sentence) in self._said:
            return
        self._said.add((event, sentence))
        sentence, facts = redact(sentence).text, redact_values(facts)
        now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"
        sys.stdout.write(json.dumps({"time": now, "event": event, "text": sentence, **facts}, default=str) + "\n")
        sys.stdout.flush()


@dataclass
class EventLines:
    """Each event as an entry of one line on standard error; while missions run, a line that ticks below them."""

    out: Console = field(default_factory=lambda: console(stderr=True))
    _said: set[tuple[str, str]] = field(default_factory=set)
    _running: dict[str, float] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._sign = SignOfLife(out=sys.stderr, shown=can_write_over(sys.stderr), before=" " * 9 + "│ ")

    def __call__(self, event: str, sentence: str, *, once: bool = False, **facts: object) -> None:
        """Takes the line."""
        with self._lock:
            if once and (event, sentence) in self._said:
                return
            self._said.add((event, sentence))
            self._sign.end()
            self._follow(event, str(facts.get("mission", "")))
            self.out.print(_line(event, redact(sentence).text), soft_wrap=True)
            if self._running and event != "stopped":
                since = min(self._running.values())
                self._sign.begin(f"working · {', '.join(self._running)}", since)

    def _follow(self, event: str, mission: str) -> None:
        if mission and event in BEGINS:
            self._running[mission] = time.monotonic()
        elif event in ENDS:
            self._running.pop(mission, None)


def _line(event: str, sentence: str) -> Text:
    line = Text().append(f"{datetime.now().astimezone():%H:%M:%S} ", style="dim")
    line.append("│ ", style=RULE_COLOUR)
    line.append(f"{event} ", style=f"bold {STATUS_COLOURS.get(event, '')}".strip())
    line.append(sentence)
    return line
