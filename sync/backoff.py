"""How long is the pause before what has failed is tried again? A back-off grows with each failure in a row."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

Uniform = Callable[[float, float], float]
"""A number between two."""
MAX_STEPS = 64
"""Growing further would overflow; by then any limit is reached."""


@dataclass(frozen=True, kw_only=True)
class Backoff:
    """Pauses in seconds: `first`, then `factor` times the one before, `limit` at most.

    `jitter` are the shares of a pause between which chance decides, so that many do not come back at once.
    """

    first: float
    limit: float
    factor: float = 2.0
    jitter: tuple[float, float] = (1.0, 1.0)

    def after(self, failures: int) -> float:
        """The pause after so many failures in a row; none before the first."""
        return 0.0 if failures < 1 else min(self.limit, self.first * self.factor ** min(failures - 1, MAX_STEPS))

    def next(self, pause: float) -> float:
        """The pause that follows one of so many seconds; the first after 0."""
        return min(self.limit, max(self.first, pause * self.factor))

    def spread(self, pause: float, uniform: Uniform = random.uniform) -> float:
        """The pause with its share of chance."""
        low, high = self.jitter
        return uniform(low * pause, high * pause)
