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

    def moved(self) -> None:
        """The last round did something: the next follows at once."""
        self.seconds = 0.0

    def calm(self, bus: BusPart, *, fold_in: float | None, claimed: bool) -> None:
        """The last round found nothing to do. `fold_in` is when this node's turn to fold comes, in seconds; `claimed`
        is whether anybody holds a mission: a lease is timed by fetches."""
        low, high = bus.poll_seconds
        longer = low if self.seconds <= 0 else min(self.seconds * GROWTH, high)
        fold = high if fold_in is None else max(MIN_PAUSE_SECONDS, fold_in)
        self.seconds = min(longer, fold, bus.beat_seconds if claimed else high)

    def failed(self) -> None:
        """The last round could not be completed."""
        self.seconds = RETRY.next(self.seconds)
