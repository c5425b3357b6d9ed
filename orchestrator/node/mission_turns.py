"""Which missions does this node ask for now, and which does it leave to the nodes whose turn comes first?

Of all that may be claimed each node asks at once for those for which it is the first among the able ones that live and
have a free slot, and for each other one when its turn comes (`policy/turn_order`), which it counts on its own clock
from when it saw the mission first, or could ask for it if that was later. So many nodes and many missions meet seldom,
and nobody has to be alive for a mission to be taken.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from heapq import nlargest
from itertools import groupby

from missions.mission import Mission
from missions.selection import NodeCapabilities, ineligible_reason
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.node.precedence import Precedence
from orchestrator.policy.turn_order import MAX_TURNS, mission_subject, weight
from orchestrator.workflow.assignment.eligibility import Eligibility

MAX_COMPARED = 64
"""Missions of one priority for which a node works out whose turn it is: of more, those for which it weighs most."""


@dataclass(kw_only=True)
class MissionTurns:
    """One node's, for missions to claim or for claims to take over. Show it each fetch, then ask."""

    precedence: Precedence
    is_brought: Callable[[str], bool] = lambda _mission: False
    """Whether a bus has brought a mission to this very node: then it is the first in turn."""
    next_in: float | None = None
    """Seconds until this node's turn comes for what it leaves to others; None where there is nothing."""
    free_since: float = float("-inf")
    """When this node asked, or could not have asked for more, the last time."""
    _since: dict[str, float] = field(default_factory=dict)
    """When it saw first what is to be taken."""
    _now: float = 0.0

    def observe(self, subjects: Collection[str], now: float) -> None:
        """What may be taken now, each by its `mission_subject`. `now` is this node's monotonic time, in seconds."""
        self._now, self.next_in = now, None
        self._since = {subject: self._since.get(subject, now) for subject in subjects}

    def in_turn(
        self, ledger: LedgerSnapshot, missions: Sequence[Mission], wanted: Callable[[Mission], bool]
    ) -> Iterator[Mission]:
        """Those for which this node asks now: by priority, and of one priority first those for which it is the first.

        `missions` are in the order of `missions.selection.choose`, and were shown to `observe`; `wanted` says which of
        them this node would take. One of those that waited for so long that everybody has had a turn is not passed by:
        until its turn comes, this node takes nothing of a lower priority.
        """
        for _, group in groupby(missions, key=lambda mission: mission.priority):
            alike = list(group)
            if len(alike) > MAX_COMPARED:
                alike = nlargest(MAX_COMPARED, alike, key=lambda m: weight(_subject(m), self.precedence.me))
            passed = False
            for mission, place in self._placed(ledger, alike):
                if not self.is_due(ledger, _subject(mission), place):
                    passed = passed or (self._is_overdue(ledger, _subject(mission)) and wanted(mission))
                elif wanted(mission):
                    yield mission
            if passed:
                return

    def _placed(self, ledger: LedgerSnapshot, missions: Sequence[Mission]) -> list[tuple[Mission, int]]:
        """Missions of one priority with this node's place for each: first its own by name, then others' from the other
        end, which their own nodes reach last."""
        placed = [(mission, self.place(ledger, mission, _subject(mission))) for mission in missions]
        own = sorted((one for one in placed if one[1] == 0), key=lambda one: one[0].name)
        others = sorted((one for one in placed if one[1] > 0), key=lambda one: one[0].name, reverse=True)
        return own + sorted(others, key=lambda one: one[1])

    def place(self, ledger: LedgerSnapshot, mission: Mission, subject: str) -> int:
        """How many able nodes come before this one."""
        if self.is_brought(mission.name):
            return 0
        living = self.precedence.living(ledger)
        named = living & frozenset(mission.to)
        able = named or self.precedence.able(ledger, _fits(ledger.open[mission.name].mission))
        return self.precedence.place(subject, able)

    def is_due(self, ledger: LedgerSnapshot, subject: str, place: int) -> bool:
        """Whether the turn of whoever has that place has come; if not, `next_in` says when."""
        waits = self.precedence.pace(ledger).wait(place)
        left = max(self._since.get(subject, self._now), self.free_since) + waits - self._now
        if left > 0:
            self.next_in = left if self.next_in is None else min(self.next_in, left)
        return left <= 0

    def _is_overdue(self, ledger: LedgerSnapshot, subject: str) -> bool:
        waited = self._now - self._since.get(subject, self._now)
        return waited > MAX_TURNS * self.precedence.pace(ledger).step


def _subject(mission: Mission) -> str:
    return mission_subject(mission.name, mission.epoch + 1)


def _fits(mission: Mission) -> Callable[[NodeCapabilities], bool]:
    """Whether a node with some offer could take a mission, as its page tells; asked once for all that offer alike."""
    known: dict[Hashable, bool] = {}

    def fits(offer: NodeCapabilities) -> bool:
        kind = (offer.role, offer.capabilities, offer.agents, offer.weak)
        if kind not in known:
            assumed = Eligibility(offer=offer).with_assumed_agent(mission)
            known[kind] = ineligible_reason(assumed, offer) is None
        return known[kind]

    return fits
