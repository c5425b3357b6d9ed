"""What happens when, in virtual time? And how does code wait that knows nothing of it?"""

from __future__ import annotations

import heapq
import itertools
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from tests.simulation.fibers import Fibers
from tests.simulation.host import Link


class Kind(IntEnum):
    """What an entry of the agenda is."""

    POLL, NEWS, RESUME, BEAT, BEATEN, FENCE, DONE, FILE, CUT, MEND, CRASH, UP, RING = range(13)


@dataclass
class Agenda:
    """Entries in order of time, and of the order in which they were made. `now` is virtual seconds."""

    now: float = 0.0
    fibers: Fibers = field(default_factory=Fibers)
    _entries: list[tuple[float, int, Kind, Any]] = field(default_factory=list)
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    def at(self, when: float, kind: Kind, what: Any) -> None:
        """Adds an entry."""
        heapq.heappush(self._entries, (when, next(self._numbers), kind, what))

    def clock(self) -> float:
        """The time."""
        return self.now

    def turn(self) -> tuple[Kind, Any] | None:
        """Goes to the next entry and returns it, for the simulation to act on; None when there is no other.

        A fiber that waited until then goes on by itself.
        """
        while self._entries:
            self.now, _, kind, what = heapq.heappop(self._entries)
            if kind is not Kind.RESUME:
                return kind, what
            fiber, link = what
            self.fibers.resume(fiber, cut=link.dead)
        return None

    def wait(self, until: float, link: Link) -> None:
        """Inside a fiber: goes on then, if the machine at the end of this link still has power."""
        self.at(until, Kind.RESUME, (self.fibers.current, link))
        self.fibers.wait()
