"""What of the open missions does this node ask for, once what they leave open is filled in?"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from missions.mission import AUTO, Mission
from missions.selection import Offer, unsuited
from orchestrator.ledger.snapshot import Ledger
from orchestrator.workflow.assignment.assign import Assigned, able, assigned
from orchestrator.workflow.assignment.deferral import Deference


@dataclass(kw_only=True)
class Fitting:
    """One node's. `deference` leaves missions to better placed nodes for a moment; None: never."""

    offer: Offer
    deference: Deference | None = None
    _asked: dict[str, Assigned] = field(default_factory=dict)

    def observe(self, ledger: Ledger, now: float) -> None:
        """Takes in one fetch. `now` is this node's monotonic time, in seconds."""
        if self.deference:
            self.deference.observe(ledger, now)

    def sketch(self, mission: Mission) -> Mission:
        """The mission with some agent that could do it where it leaves the choice: enough to tell who may take it."""
        able_here = sorted(able(mission, self.offer)) if mission.agent == AUTO else []
        return replace(mission, agent=able_here[0]) if able_here else mission

    def holds_back(self, ledger: Ledger, mission: Mission) -> str:
        """Why this node does not ask for a mission that it may take, in words; empty if it asks."""
        one = assigned(ledger, mission, self.offer)
        why = one.waits or (self.deference.leaves(ledger, one.mission) if self.deference else "")
        if not why:
            self._asked[mission.name] = one
        return why

    def won(self, ledger: Ledger, mission: Mission) -> Assigned:
        """A mission as it is worked on. What was sure when it was asked for stands, whatever it is now."""
        one, before = assigned(ledger, mission, self.offer), self._asked.pop(mission.name, None)
        return before if one.waits and before else one

    def fits(self, ledger: Ledger, mission: Mission) -> bool:
        """Whether this node can work on a mission that somebody else had, or that it had before."""
        one = assigned(ledger, mission, self.offer)
        return not one.waits and unsuited(one.mission, self.offer) is None
