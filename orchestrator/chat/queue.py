"""Whose turn is it in the model's queue, and how many may wait?

First come, first served. So many are let through at once; so many more may wait, and whoever comes after that is told
when to come again, before anything was begun.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from orchestrator.core.errors import AlreadyDone, QueueFull
from orchestrator.core.ports.model import Stop


class KeyedLock:
    """Lets one at a time hold each key, and turns away whoever comes meanwhile."""

    def __init__(self) -> None:
        self._held: set[str] = set()
        self._lock = threading.Lock()

    @contextmanager
    def hold(self, key: str) -> Iterator[None]:
        """Holds a key. Raises AlreadyDone where somebody else does."""
        with self._lock:
            if key in self._held:
                raise AlreadyDone("this conversation is answering a message already: wait for it, or cancel that one")
            self._held.add(key)
        try:
            yield
        finally:
            with self._lock:
                self._held.discard(key)


POLL_SECONDS = 0.2
"""Seconds between two looks at the stop flag of one who waits."""
MAX_DURATIONS_KEPT = 20
"""Turns whose length says how long the next one will take."""


@dataclass(eq=False)
class QueueTicket:
    """One who waits or is inside."""

    _of: FairSemaphore
    _called: threading.Event = field(default_factory=threading.Event)
    _since: float = 0.0

    def wait(self, on_position: Callable[[int], None], stop: Stop) -> bool:
        """Waits for its turn, telling its place (1 is next) whenever that changes; False when stopped before."""
        told = 0
        while not self._called.is_set():
            place = self._of.place(self)
            if place and place != told:
                told = place
                on_position(place)
            if stop.is_set():
                self.leave()
                return False
            self._called.wait(POLL_SECONDS)
        self._since = self._of.clock()
        return True

    def leave(self) -> None:
        """Goes, whether it was inside or not. Leaving twice is no error."""
        self._of.leave(self, self._of.clock() - self._since if self._since else None)


class FairSemaphore:
    """Lets `lanes` through at once and `waiting` more wait."""

    def __init__(self, *, lanes: int = 1, waiting: int = 64, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._lanes, self._waiting = lanes, waiting
        self._inside: set[QueueTicket] = set()
        self._queue: list[QueueTicket] = []
        self._took: list[float] = []
        self._lock = threading.Lock()

    def join(self, *, admitted: bool = False) -> QueueTicket:
        """Takes a place. `admitted` is for the next step of an answer that was let in. Raises QueueFull."""
        ticket = QueueTicket(self)
        with self._lock:
            full = len(self._inside) >= self._lanes and len(self._queue) >= self._waiting
            if full and not admitted:
                raise QueueFull(len(self._queue), self._retry_after())
            self._queue.append(ticket)
            self._call()
        return ticket

    @contextmanager
    def turn(self, ticket: QueueTicket, on_position: Callable[[int], None], stop: Stop) -> Iterator[bool]:
        """Waits for the ticket's turn and leaves afterwards; gives False when it was stopped before."""
        try:
            yield ticket.wait(on_position, stop)
        finally:
            ticket.leave()

    def place(self, ticket: QueueTicket) -> int:
        """How many places from its turn; 0 when it is inside or gone."""
        with self._lock:
            return self._queue.index(ticket) + 1 if ticket in self._queue else 0

    def leave(self, ticket: QueueTicket, seconds: float | None) -> None:
        """Takes a ticket out and calls the next."""
        with self._lock:
            if ticket in self._inside and seconds is not None:
                self._took = [*self._took[-MAX_DURATIONS_KEPT + 1 :], seconds]
            self._inside.discard(ticket)
            if ticket in self._queue:
                self._queue.remove(ticket)
            self._call()

    @property
    def busy(self) -> bool:
        """Whether anybody is inside or waits."""
        with self._lock:
            return bool(self._inside or self._queue)

    @property
    def waiting(self) -> int:
        """How many wait."""
        with self._lock:
            return len(self._queue)

    def _call(self) -> None:
        while self._queue and len(self._inside) < self._lanes:
            ticket = self._queue.pop(0)
            self._inside.add(ticket)
            ticket._called.set()

    def _retry_after(self) -> int:
        """Seconds after which a place may be free: what the queue will take, as turns took lately."""
        each = sum(self._took) / len(self._took) if self._took else 5.0
        return max(1, min(600, round(each * len(self._queue) / self._lanes / 2)))


class BackendQueues:
    """A turnstile for each backend: one in this process takes a few at a time, a server of its own more."""

    def __init__(self, *, lanes: Mapping[str, int], other: int = 4, waiting: int = 64) -> None:
        self._lanes, self._other, self._waiting = lanes, other, waiting
        self._gates: dict[str, FairSemaphore] = {}
        self._lock = threading.Lock()

    def of(self, backend: str) -> FairSemaphore:
        """The backend's turnstile."""
        with self._lock:
            if backend not in self._gates:
                lanes = self._lanes.get(backend, self._other)
                self._gates[backend] = FairSemaphore(lanes=lanes, waiting=self._waiting)
            return self._gates[backend]

    @property
    def busy(self) -> bool:
        """Whether anybody is inside or waits, anywhere."""
        with self._lock:
            return any(gate.busy for gate in self._gates.values())

    @property
    def waiting(self) -> int:
        """How many wait, everywhere."""
        with self._lock:
            return sum(gate.waiting for gate in self._gates.values())
