"""Which slot, of a few in memory, does a call get?

The one that its conversation had last time, for which it waits a little; else the free one that was used longest ago.
When none is free, the call waits.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

from orchestrator.adapters.models.blocking_call import POLL_SECONDS
from orchestrator.core.ports.model import Stop

OWN_SLOT_WAIT_SECONDS = 0.5
"""How long a call waits for its conversation's own place: one that was stopped needs a moment to leave it."""


@dataclass(kw_only=True)
class Slot:
    """One place. `holds` is the conversation that was last in it, `tokens` how much of it, `head` how it begins."""

    number: int
    holds: str | None = None
    tokens: int = 0
    head: str = ""
    busy: bool = False
    used: int = 0


class Slots:
    """The places of one model; any number of threads may ask."""

    def __init__(self, count: int) -> None:
        self._places = [Slot(number=number) for number in range(count)]
        self._free = threading.Condition()
        self._turns = 0

    def take(self, conversation: str, stop: Stop) -> Slot | None:
        """A place that is the caller's until it is given back; None when the stop came first."""
        started = time.monotonic()
        with self._free:
            while not stop.is_set():
                patient = bool(conversation) and time.monotonic() - started < OWN_SLOT_WAIT_SECONDS
                if place := self._best(conversation, patient=patient):
                    self._turns += 1
                    place.busy, place.used = True, self._turns
                    return place
                self._free.wait(POLL_SECONDS)
        return None

    def take_all(self) -> list[Slot] | None:
        """Every place, if none is taken; None where one is."""
        with self._free:
            if any(place.busy for place in self._places):
                return None
            for place in self._places:
                place.busy = True
            return list(self._places)

    def give(self, place: Slot) -> None:
        """Gives it back."""
        with self._free:
            place.busy = False
            self._free.notify_all()

    def forget(self) -> None:
        """Nothing is in any place: the model was unloaded."""
        with self._free:
            for place in self._places:
                place.holds, place.tokens, place.head = None, 0, ""

    def drained(self, seconds: float) -> bool:
        """Waits until all are free, and says whether they are."""
        with self._free:
            return self._free.wait_for(lambda: not any(place.busy for place in self._places), seconds)

    def _best(self, conversation: str, *, patient: bool) -> Slot | None:
        if patient and any(place.busy and place.holds == conversation for place in self._places):
            return None
        free = [place for place in self._places if not place.busy]
        own = next((place for place in free if place.holds == conversation), None)
        return own or min(free, key=lambda place: place.used, default=None)
