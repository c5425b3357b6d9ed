"""The port of signals: which events did suppliers send, and what became of each?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

SIGNAL_AGE = timedelta(days=2)
"""How old an event may be when it comes."""
KEPT_SIGNAL = timedelta(days=3)
"""How long it is remembered: longer than it may be old, so that a recorded one is never new again."""


@dataclass(frozen=True, kw_only=True)
class Signal:
    """An event as it came. `key` is the supplier's source and id, hashed with the content; `verdict` is empty while
    nobody has decided, as after a crash. `number` is the store's."""

    key: str
    event_key: str
    """The same for every content under that source and id."""
    supplier: str
    event_id: str
    source: str
    type: str
    received: datetime
    verdict: str = ""
    why: str = ""
    missions: tuple[str, ...] = ()
    number: int = 0


class Signals(Protocol):
    """The events of the last days."""

    def begin(self, signal: Signal) -> Signal:
        """Notes an event, or returns what is noted under its key already; forgets what is older than KEPT_SIGNAL."""

    def settle(self, key: str, verdict: str, why: str, missions: tuple[str, ...] = ()) -> None:
        """Notes what became of it."""

    def contents(self, event_key: str) -> frozenset[str]:
        """The keys of all contents that came under one source and id."""

    def count(self, supplier: str, *, since: datetime, verdicts: frozenset[str] = frozenset()) -> int:
        """How many events of a supplier came since; of these verdicts, or all."""

    def missions_since(self, supplier: str, since: datetime) -> int:
        """How many missions a supplier's events became."""

    def listing(self, *, supplier: str = "", verdict: str = "", before: int = 0, limit: int = 50) -> tuple[Signal, ...]:
        """Events, the newest first; those with a lower number than `before`, if that is not 0."""
