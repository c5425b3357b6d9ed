"""Eligibility: which open missions does this node ask for, once what they leave open is filled in?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from missions.mission import AUTO, Mission
from missions.selection import NodeCapabilities, ineligible_reason
from orchestrator.ledger.accounts.account_windows import ClosedAccount
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.workflow.assignment.assign import NONE_CLOSED, ResolvedMission, resolve_mission, suitable_agents


@dataclass(kw_only=True)
class Eligibility:
    """One node's."""

    offer: NodeCapabilities
    closed: Callable[[LedgerSnapshot], Mapping[str, ClosedAccount]] = lambda _ledger: NONE_CLOSED
    """The agents of this node whose accounts are used up now."""
    _asked: dict[str, ResolvedMission] = field(default_factory=dict)

    def resting_reason(self, mission: Mission, closed: Mapping[str, ClosedAccount]) -> str:
        """Why a mission is not even compared with others: every agent of this node that could do it rests. In words;
        empty if one may work."""
        if not closed:
            return ""
        able = suitable_agents(mission, self.offer) if mission.agent == AUTO else {mission.agent}
        if not able or able - closed.keys():
            return ""
        return min((closed[agent] for agent in able), key=lambda each: each.until).says

    def with_assumed_agent(self, mission: Mission) -> Mission:
        """The mission with some agent that could do it where it leaves the choice: enough to tell who may take it."""
        able_here = sorted(suitable_agents(mission, self.offer)) if mission.agent == AUTO else []
        return replace(mission, agent=able_here[0]) if able_here else mission

    def hold_back_reason(self, ledger: LedgerSnapshot, mission: Mission) -> str:
        """Why this node does not ask for a mission that it may take, in words; empty if it asks."""
        one = self._resolved(ledger, mission)
        if not one.waits:
            self._asked[mission.name] = one
        return one.waits

    def won(self, ledger: LedgerSnapshot, mission: Mission) -> ResolvedMission:
        """A mission as it is worked on. What was sure when it was asked for stands, whatever it is now."""
        one, before = self._resolved(ledger, mission), self._asked.pop(mission.name, None)
        return before if one.waits and before else one

    def fits(self, ledger: LedgerSnapshot, mission: Mission, *, own: bool = False) -> bool:
        """Whether this node can work on a mission that somebody else had, or (`own`) that it had before: that one it
        takes whatever its accounts are, for while this node lives nobody else can; it is put back unasked then."""
        one = resolve_mission(ledger, mission, self.offer) if own else self._resolved(ledger, mission)
        fit = not one.waits and ineligible_reason(one.mission, self.offer) is None
        if fit:
            self._asked[mission.name] = one
        return fit

    def _resolved(self, ledger: LedgerSnapshot, mission: Mission) -> ResolvedMission:
        return resolve_mission(ledger, mission, self.offer, self.closed(ledger))
