"""How long until the next fetch? The pause between two rounds where nothing wakes the node, in seconds."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.ledger.config.fleet_toml import BusPart
from sync.backoff import Backoff

GROWTH = 1.5
"""A pause is so many times as long as the one before, while all is calm."""
MIN_PAUSE_SECONDS = 0.05
RETRY = Backoff(first=1.0, limit=30.0)
"""Seconds after a round that could not be completed."""


@dataclass
class FetchPause:
    """Short after something moved, longer while all is calm or nothing answers."""

    seconds: float = 0.0
    calm_seconds: float = 0.0
    """How long the pause would be but for a turn of this node's: waiting for one does not begin anew."""

    def moved(self) -> None:
        """The last round did something: the next follows at once."""
        self.seconds = self.calm_seconds = 0.0

    def calm(self, bus: BusPart, *, turn_in: float | None, claimed: bool, look: float | None = None) -> None:
        """The last round found nothing to do. `turn_in` is when this node's next turn comes to do what several could,
        in seconds; `claimed` is whether anybody holds a mission: a lease is timed by fetches. `look` is the longest
        pause of a node for which others wait."""
        low, high = bus.poll_seconds
        longer = low if self.calm_seconds <= 0 else min(self.calm_seconds * GROWTH, high)
        self.calm_seconds = min(longer, bus.beat_seconds if claimed else high, high if look is None else look)
        turn = high if turn_in is None else max(MIN_PAUSE_SECONDS, turn_in)
        self.seconds = min(self.calm_seconds, turn)

    def failed(self) -> None:
        """The last round could not be completed."""
        self.seconds = RETRY.next(self.seconds)
