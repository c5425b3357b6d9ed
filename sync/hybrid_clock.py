"""Which of two edits is the newer one, when the machines that made them have no clock in common?

A hybrid logical clock (Kulkarni, Demirbas and others, 2014): it follows the machine's own time, never runs backwards,
and is later than everything it has observed. Two stamps are never equal unless they are the same one of the same node.
Nobody's lease hangs on it; it only says which of two values of one field is kept.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

from sync.errors import StampAhead

MAX_COUNTER = 99_999
"""Stamps of one node within one millisecond; after that its clock borrows from the next."""
MAX_DRIFT_MS = 5 * 60_000
"""Milliseconds by which another machine's clock may be ahead of this one's and still be believed."""


class Stamp(NamedTuple):
    """A moment of one node: sorts by wall milliseconds since 1970 (UTC), then by counter, then by node."""

    wall: int
    counter: int
    node: str

    @property
    def text(self) -> str:
        """The stamp as text, which sorts as the stamp does."""
        return f"{self.wall:015d}-{self.counter:05d}-{self.node}"


def clamp_drift(seen: Stamp, now: int, *, drift: int = MAX_DRIFT_MS) -> Stamp:
    """A foreign stamp as far as it is believed: one from beyond the drift counts as made now.

    Without this a machine whose clock is a year ahead would win every field for a year.
    """
    return seen if seen.wall <= now + drift else Stamp(now, 0, seen.node)


@dataclass(frozen=True, kw_only=True)
class HybridClock:
    """One node's clock. Physical time comes in as `now`, in milliseconds; each step returns the next clock."""

    node: str
    last: Stamp
    """The stamp that was given out or observed last."""
    drift: int = MAX_DRIFT_MS

    @classmethod
    def of(cls, node: str) -> HybridClock:
        """A clock that has seen nothing."""
        return cls(node=node, last=Stamp(0, 0, node))

    def tick(self, now: int) -> HybridClock:
        """The clock at an event of this node; `last` is the event's stamp, later than all before it."""
        if now > self.last.wall:
            return replace(self, last=Stamp(now, 0, self.node))
        return replace(self, last=self._after(self.last))

    def observe(self, seen: Stamp, now: int) -> HybridClock:
        """The clock after a foreign stamp was seen: what it gives out next is later than that.

        Raises StampAhead for one that is more than `drift` ahead of `now`; the clock that was is still good.
        """
        if seen.wall > now + self.drift:
            raise StampAhead(seen.text, seen.wall - now)
        return replace(self, last=self._after(seen)) if seen > self.last else self

    def _after(self, stamp: Stamp) -> Stamp:
        if stamp.counter >= MAX_COUNTER:
            return Stamp(stamp.wall + 1, 0, self.node)
        return Stamp(stamp.wall, stamp.counter + 1, self.node)
