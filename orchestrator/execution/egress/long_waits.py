"""Has a model's API told a run to come back so late that only a person can say whether it should wait?

Some programs wait in silence then, for an hour if need be, which looks like work.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from orchestrator.core.quota_window import QuotaWindow, latest_windows
from orchestrator.execution.egress.quota_signals import (
    UNNAMED_KIND,
    WAIT_KIND,
    body_windows,
    header_windows,
    wait_window,
)

PATIENCE_SECONDS = 60.0
"""A longer wait is not the program's to sit out."""
GRACE_SECONDS = 5.0
"""How long no other call may be answered or under way before the run is taken for blocked; many programs give up
themselves in that time, and their own words are the better ones."""
REFUSED = frozenset({402, 429, 503, 529})
TOO_MANY = 429


def asked_wait(status: int, headers: Mapping[str, str], now: datetime) -> float:
    """Seconds for which an answer asks to wait; 0 where it asks for nothing that can be read."""
    if status not in REFUSED:
        return 0.0
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        if (seconds := _seconds(headers.get(name, ""), unit, now)) > 0:
            return seconds
    return 0.0


def _seconds(said: str, unit: float, now: datetime) -> float:
    try:
        number = float(said) / unit
        return number if math.isfinite(number) else 0.0
    except ValueError:
        pass
    try:
        when = parsedate_to_datetime(said)
    except ValueError:
        return 0.0
    return ((when if when.tzinfo else when.replace(tzinfo=UTC)) - now).total_seconds()


class LongWaits:
    """The last such answer, as long as nothing went better since. One thread tells, any may ask; `clock` in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._open = 0
        self._refused: tuple[float, str] | None = None
        self._windows: dict[str, QuotaWindow] = {}

    @contextmanager
    def call(self) -> Iterator[None]:
        """A call is under way."""
        self._open += 1
        try:
            yield
        finally:
            self._open -= 1

    def answered(self, name: str, status: int, headers: Mapping[str, str], now: datetime) -> None:
        """Takes in an answer's head."""
        seconds = asked_wait(status, headers, now)
        told = header_windows(status, headers, now)
        if status < 300:
            self._reopen({each.kind for each in told})
        self._note(told)
        if seconds > PATIENCE_SECONDS:
            if status == TOO_MANY and not any(each.exhausted for each in self._windows.values()):
                self._note(filter(None, [wait_window(seconds, now)]))
            phrase = f"{status} {HTTPStatus(status).phrase}" if status in set(HTTPStatus) else str(status)
            why = f"quota: {name} answers {phrase} and asks to come back in {_duration(seconds)}"
            self._refused = (self._clock(), why)
        elif status < 300:
            self._refused = None

    def turned_away(self, body: bytes, now: datetime) -> None:
        """Takes in the body of an answer with which a call was turned away."""
        self._note(body_windows(body, now))

    @property
    def windows(self) -> tuple[QuotaWindow, ...]:
        """What the answers have declared of the account's windows, of each kind the last word."""
        return tuple(self._windows.values())

    def _note(self, windows: Iterable[QuotaWindow]) -> None:
        self._windows = {each.kind: each for each in latest_windows((*self._windows.values(), *windows))}

    def _reopen(self, told: Collection[str]) -> None:
        """A call was answered: none of the windows that it speaks of is used up, and where it speaks of none, none at
        all. Another model's window may be."""
        self._windows = {
            kind: each
            for kind, each in self._windows.items()
            if not each.exhausted or (told and kind not in {*told, WAIT_KIND, UNNAMED_KIND})
        }

    def reason(self) -> str:
        """Why the run is blocked; empty while it is not."""
        refused = self._refused
        if refused is None or self._open or self._clock() - refused[0] < GRACE_SECONDS:
            return ""
        return refused[1]


def _duration(seconds: float) -> str:
    minutes = math.ceil(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{math.ceil(minutes / 60)} h"
