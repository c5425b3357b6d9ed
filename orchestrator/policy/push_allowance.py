"""How often may this fleet push, and so how often may its nodes beat? The allowance of a host that limits pushes.

Results come first, then claims: beats are stretched until they take half of what the host allows, and the leases with
them; and after a refusal nothing new is claimed for a minute, so that what is done gets through. What the host allows
stands in `fleet.toml`; one that refuses more teaches it, as TCP learns what a network carries: twice as long pauses
after each refusal, and half as long after a while without one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.core.time_text import format_duration
from orchestrator.ledger.config.fleet_toml import BusPart
from orchestrator.ledger.snapshot import LedgerSnapshot
from sync.heartbeat import MAX_STRETCH, announced_stretch

BEATS_SHARE = 0.5
"""Of the pushes that a host allows, what all beats together may take."""
STRETCHES = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, MAX_STRETCH)
"""Few, because each has a ring of blobs of its own."""
MAX_BEAT_SECONDS = 3600.0
RELIEF_SECONDS = 3600.0
"""Seconds without a refusal after which the pauses become half as long."""
SAME_REFUSAL_SECONDS = 60.0
"""Refusals within so many seconds are one: a host counts by the minute."""
_RATE_LIMITED = re.compile(r"\b429\b|rate.?limit|too many requests|abuse detection", re.IGNORECASE)


def is_rate_limited(error: Exception) -> bool:
    """Whether a push was refused because there were too many, by the host's words."""
    return bool(_RATE_LIMITED.search(f"{error} {getattr(error, 'told', '')}"))


def beat_stretch(bus: BusPart, nodes: int) -> int:
    """By how much so many nodes stretch their beats to leave room for work; 1 where nothing limits them."""
    if bus.pushes_a_minute is None:
        return 1
    wanted = nodes * 60 / bus.beat_seconds
    least = wanted / (BEATS_SHARE * bus.pushes_a_minute)
    return _bounded(bus, next((stretch for stretch in STRETCHES if stretch >= least), MAX_STRETCH))


@dataclass(frozen=True, kw_only=True)
class BeatLoad:
    """How near the beats alone bring a fleet to what its host allows."""

    nodes: int
    a_minute: float
    allowed: float
    longest: float
    """Seconds between two beats of the node that beats most seldom."""
    lease: float
    """Seconds of silence after which what that node holds may be taken over."""

    @property
    def share(self) -> float:
        """The part of what the host allows."""
        return self.a_minute / self.allowed

    @property
    def says(self) -> str:
        """In words."""
        beats = f"{self.a_minute:.3g} of the {self.allowed:g} pushes a minute that the host allows"
        often = f"every {format_duration(self.longest)}, leases last {format_duration(self.lease)}"
        return f"beats of {self.nodes} node{'s' * (self.nodes != 1)} take {beats} ({self.share:.0%}): {often}"


def beat_load(bus: BusPart, stretches: Sequence[int]) -> BeatLoad | None:
    """That of a fleet, from how far each beat is stretched; None where nothing limits it, or nobody beats."""
    if bus.pushes_a_minute is None or not stretches:
        return None
    return BeatLoad(
        nodes=len(stretches),
        a_minute=sum(60 / (bus.beat_seconds * stretch) for stretch in stretches),
        allowed=bus.pushes_a_minute,
        longest=bus.beat_seconds * max(stretches),
        lease=bus.lease * max(stretches),
    )


def fleet_load(ledger: LedgerSnapshot) -> BeatLoad | None:
    """That of the fleet as a fetch shows it."""
    return beat_load(ledger.charter.bus, [announced_stretch(ledger.store, beat) for beat in ledger.beats.values()])


def _bounded(bus: BusPart, stretch: int) -> int:
    return max(1, min(stretch, MAX_STRETCH, int(MAX_BEAT_SECONDS / bus.beat_seconds)))


@dataclass
class PushAllowance:
    """What one node has learned from refusals. Times are its own monotonic seconds; any thread may tell it."""

    learned: int = 1
    """By how much it stretches its beats because of them."""
    _changed: float = float("-inf")
    _refused: float = float("-inf")

    def refused(self, now: float) -> None:
        """The host has refused a push because there were too many."""
        self._refused = now
        if now - self._changed >= SAME_REFUSAL_SECONDS:
            self.learned, self._changed = min(2 * self.learned, MAX_STRETCH), now

    def for_results_alone(self, now: float) -> bool:
        """Whether the pushes that the host takes now are left to results: claims rest for a while after a refusal."""
        return now - self._refused < SAME_REFUSAL_SECONDS

    def stretch(self, bus: BusPart, nodes: int, now: float) -> int:
        """By how much this node stretches its next beats, in a fleet of so many that live."""
        if self.learned > 1 and now - self._changed >= RELIEF_SECONDS:
            self.learned, self._changed = self.learned // 2, now
        return _bounded(bus, max(self.learned, beat_stretch(bus, nodes)))
