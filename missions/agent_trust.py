"""How far is an agent trusted with a kind of work in a project, and what in its history says so?

Points are counted over the last results that somebody decided, oldest first: a result that a person accepted brings
one, a failed attempt costs one, a rejected one three (the rules may say other numbers). What policy accepted by itself
proves nothing, so trust cannot feed on itself. There are never fewer points than none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class TrustTier(StrEnum):
    """How far an agent is trusted. The words are what people read."""

    UNTRIED = "untried"
    TRUSTED = "trusted"
    PROVEN = "proven"

    @property
    def rank(self) -> int:
        """Higher is more."""
        return list(TrustTier).index(self)


@dataclass(frozen=True, kw_only=True)
class TrustWeights:
    """What outcomes count, and from how many points on a tier begins. `look_back` is in missions."""

    trusted: int = 3
    proven: int = 10
    failed: int = 1
    rejected: int = 3
    look_back: int = 20


@dataclass(frozen=True, kw_only=True)
class MissionOutcome:
    """What became of one mission: whether a person accepted it, and how often it was rejected or failed before."""

    mission: str
    accepted: bool = False
    rejected: int = 0
    failed: int = 0


@dataclass(frozen=True, kw_only=True)
class TrustScore:
    """Where an agent stands with one kind of work in one project, with the evidence."""

    tier: TrustTier = TrustTier.UNTRIED
    points: int = 0
    accepted: int = 0
    rejected: int = 0
    failed: int = 0
    missions: tuple[str, ...] = ()
    """What was counted, newest first."""

    @property
    def says(self) -> str:
        """The evidence in words."""
        if not self.missions:
            return f"{self.tier}: nothing was decided yet"
        points = f"{self.points} point{'s' * (self.points != 1)}"
        count = f"the last {f'{len(self.missions)} missions' if len(self.missions) != 1 else 'mission'}"
        outcomes = f"{self.accepted} accepted, {self.rejected} rejected, {self.failed} failed"
        return f"{self.tier}: {points} from {count} ({outcomes})"


def score_trust(deeds: Sequence[MissionOutcome], scale: TrustWeights) -> TrustScore:
    """Where these deeds, newest first, lead. Only the newest `scale.look_back` count."""
    counted = deeds[: max(0, scale.look_back)]
    points = 0
    for deed in reversed(counted):  # a rejection costs at most what was earned before it
        points = max(0, points - scale.rejected * deed.rejected - scale.failed * deed.failed) + deed.accepted
    tier = (
        TrustTier.PROVEN
        if points >= scale.proven
        else TrustTier.TRUSTED
        if points >= scale.trusted
        else TrustTier.UNTRIED
    )
    return TrustScore(
        tier=tier,
        points=points,
        accepted=sum(deed.accepted for deed in counted),
        rejected=sum(deed.rejected for deed in counted),
        failed=sum(deed.failed for deed in counted),
        missions=tuple(deed.mission for deed in counted),
    )
