"""Which nodes live? The liveness of the fleet as one node has seen it in its fetches, on its own monotonic clock.

One value for all who only want to know whom to wait for and of whom to tell people. No lease rests on it: whether a
claim may be taken over is timed for each claim (`missions.lease.LeaseWatch`), because a claim that has just moved is
held whatever its node's beat did before, and a beat counts there only if an admin has let its node in.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from missions.lease import LeaseWatch
from orchestrator.ledger.node_pages import OFFLINE_AFTER
from orchestrator.ledger.snapshot import LedgerSnapshot

MIN_ROOF_SECONDS = 300.0
"""Seconds between two fetches above which every count of silence begins anew: this node was cut off or asleep."""


@dataclass(kw_only=True)
class Liveness:
    """Feed it every successful fetch, once. Seconds are the observer's; one thread only, the node's loop."""

    now: float = 0.0
    """When it was fed last."""
    _watch: LeaseWatch = field(
        default_factory=lambda: LeaseWatch(lease=OFFLINE_AFTER.total_seconds(), roof=MIN_ROOF_SECONDS)
    )
    _beats: frozenset[str] = frozenset()
    """The nodes that had a beat then."""

    def observe(self, ledger: LedgerSnapshot, now: float) -> None:
        """Takes in one fetch. `now` is this node's monotonic time, in seconds."""
        beats = ledger.beats
        self._watch.roof = max(MIN_ROOF_SECONDS, 2 * ledger.charter.bus.poll_seconds[1])
        self._watch.observe(beats, now)
        self._beats, self.now = frozenset(beats), now

    def silent_for(self, node: str) -> float:
        """Seconds for which a node has been seen to stand still; 0 for one that nobody has seen yet."""
        return self._watch.silent_for(node)

    def silent(self, seconds: float) -> dict[str, float]:
        """The nodes that have a beat and stood still for so long, each with how long it did."""
        found = {node: self.silent_for(node) for node in self._beats}
        return {node: silence for node, silence in found.items() if silence >= seconds}
