"""Does the node's loop move? Its progress, which its heartbeat looks at, so that a hung round lets go of its work."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from orchestrator.ledger.config.fleet_toml import BusPart

MIN_ROUND_BOUND_SECONDS = 300.0
"""Seconds that a round may always take: a first fetch over a slow line, many results for a remote that times out."""
POLLS_WITHOUT_ROUND = 10
"""So many of the longest pauses between two rounds may pass without one."""


def round_bound(bus: BusPart) -> float:
    """Seconds for which the loop may complete no round before its node stops beating."""
    return max(POLLS_WITHOUT_ROUND * bus.poll_seconds[1], bus.lease, MIN_ROUND_BOUND_SECONDS)


@dataclass
class LoopProgress:
    """When the loop completed its last round. `clock` is monotonic seconds that stand still while the machine sleeps.

    The loop writes it, the heartbeat's thread reads it. Attempts run in threads of their own and do not count.
    """

    clock: Callable[[], float]
    bound: float = MIN_ROUND_BOUND_SECONDS
    """Seconds."""
    _completed: float | None = None

    def completed(self) -> None:
        """A round is over."""
        self._completed = self.clock()

    @property
    def stands_for(self) -> float:
        """Seconds since a round was over; 0 before the first."""
        return 0.0 if self._completed is None else self.clock() - self._completed

    @property
    def stalled(self) -> bool:
        """Whether no round was completed for longer than the bound."""
        return self.stands_for > self.bound
