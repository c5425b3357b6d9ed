"""How does a node say what happens: events as lines for people, with a sign of life while it works, or as JSON?"""

from __future__ import annotations

import json
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from handoff.secrets.redact import redact, redact_values
from orchestrator.cli.live.sign_of_life import SignOfLife, can_write_over
from orchestrator.cli.terminal import MAX_COLUMNS

if TYPE_CHECKING:  # loaded by what writes for people: a service writes JSON for as long as it lives
    from rich.console import Console
    from rich.text import Text

BEGINS = frozenset({"started", "took over"})
ENDS = frozenset({"done", "failed", "released", "cancelled", "parked", "late", "refused"})


MARGIN = " " * len("23:59:59 ") + "│ "
MIN_COLUMNS = 20
"""Columns of a sentence at least: a terminal may say that it has none."""


class _Lines(ABC):
    """Takes events one after the other, also one that a signal's handler tells in the middle of another: a handler that
    waited for its own thread's lock would wait for ever."""

    def __init__(self) -> None:
        self._said: set[tuple[str, str]] = set()
        self._waiting: deque[tuple[str, str, bool, dict[str, object]]] = deque()
        self._lock = threading.Lock()

    def __call__(self, event: str, sentence: str, *, once: bool = False, **facts: object) -> None:
        """Takes the line; where another is being written it follows that one."""
        self._waiting.append((event, sentence, once, facts))
        while self._waiting and self._lock.acquire(blocking=False):
            try:
                while self._waiting:
                    self._take(*self._waiting.popleft())
            finally:
                self._lock.release()

    def _take(self, event: str, sentence: str, once: bool, facts: dict[str, object]) -> None:
        if not once or (event, sentence) not in self._said:
            self._said.add((event, sentence))
            self._write(event, redact(sentence).text, facts)

    @abstractmethod
    def close(self) -> None:
        """Nothing more is told."""

    @abstractmethod
    def _write(self, event: str, sentence: str, facts: dict[str, object]) -> None:
        """Writes a line whose turn it is."""


class JsonLines(_Lines):
    """Each event as one JSON object a line on standard output; why the command failed is one, too."""

    def error(self, words: str, code: int) -> None:
        """The last line: an event like all others, so that whoever reads them needs no other form."""
        self("error", words, error=words, exit_code=code)

    def close(self) -> None:
        """Each line was whole when it was written."""

    def _write(self, event: str, sentence: str, facts: dict[str, object]) -> None:
        facts = redact_values(facts)
        now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"
        sys.stdout.write(json.dumps({"time": now, "event": event, "text": sentence, **facts}, default=str) + "\n")
        sys.stdout.flush()


class EventLines(_Lines):
    """Each event as an entry of one line on standard error; while missions run, a line that ticks below them."""

    def __init__(self, out: Console | None = None) -> None:
        from orchestrator.cli.console import console

        super().__init__()
        self._out = out or console(stderr=True)
        self._running: dict[str, float] = {}
        self._sign = SignOfLife(out=sys.stderr, shown=can_write_over(sys.stderr), before=MARGIN)
        self._sign.begin("starting")  # until the first event: what a node needs is loaded, its database made

    def close(self) -> None:
        """The line that ticks is gone: what is wrong is told below the entries."""
        self._sign.end()

    def _write(self, event: str, sentence: str, facts: dict[str, object]) -> None:
        self._sign.end()
        self._follow(event, str(facts.get("mission", "")))
        for line in self._lines(event, sentence):
            self._out.print(line, soft_wrap=True)
        if self._running and event != "stopped":
            since = min(self._running.values())
            self._sign.begin(f"working · {', '.join(self._running)}", since)

    def _follow(self, event: str, mission: str) -> None:
        if mission and event in BEGINS:
            self._running[mission] = time.monotonic()
        elif event in ENDS:
            self._running.pop(mission, None)

    def _lines(self, event: str, sentence: str) -> Iterator[Text]:
        """One line; on a terminal as many as it takes, broken between words, beside the margin rule."""
        from rich.cells import cell_len
        from rich.text import Text

        from orchestrator.cli.console import RULE_COLOUR, STATUS_COLOURS, shifted, unbroken_lines

        words = Text.assemble((event, f"bold {STATUS_COLOURS.get(event, '')}".strip()), " ", sentence)
        width = min(self._out.width, MAX_COLUMNS) - len(MARGIN)
        gutter = f"{datetime.now().astimezone():%H:%M:%S} "
        lines = unbroken_lines(words.plain, max(width, MIN_COLUMNS)) if self._out.is_terminal else [words.plain]
        at = 0
        for plain in lines:
            at = words.plain.index(plain, at)
            line, at = words[at : at + len(plain)], at + len(plain)
            if self._out.is_terminal and cell_len(plain) > max(width, MIN_COLUMNS):
                yield Text(shifted(plain, len(MARGIN), self._out.width))
                continue
            yield Text.assemble((gutter, "dim"), ("│ ", RULE_COLOUR), line)
            gutter = " " * len(gutter)
