"""Should this node leave a mission to another one that is better placed, for a little while?

Never for longer than the bus needs to show the mission to the other, counted on this node's own clock, and only while
that node's beat is seen to move and it holds nothing. So a mission that somebody can do is never left lying: at worst
it starts one look later. Who may take what stays the bus's: this only decides whether to ask for it now.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from missions.frontmatter import Malformed, split
from missions.mission import Mission
from missions.selection import NodeCapabilities
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.workflow.assignment.agent_choice import choose_agent
from orchestrator.workflow.assignment.agent_record import earlier_missions
from orchestrator.workflow.assignment.assign import NEVER_CHOSEN, suitable_agents
from sync.remote import Oid

NODE_PAGES = "heartbeats"


@dataclass(frozen=True, kw_only=True)
class Deferral:
    """Why another node should have it, and for how many seconds that is worth a wait."""

    why: str
    seconds: float


@dataclass(kw_only=True)
class DeferralPolicy:
    """One node's patience. `warm` says whether a clone of a project is here already."""

    offer: NodeCapabilities
    warm: Callable[[LedgerSnapshot, str], bool] = lambda ledger, project: True
    _beats: dict[str, tuple[Oid, float | None]] = field(default_factory=dict)
    """Where each node's beat stood last, and when it was seen to move."""
    _since: dict[str, float] = field(default_factory=dict)
    """When each mission was first left to somebody, on this node's monotonic clock."""
    _now: float = 0.0

    def observe(self, ledger: LedgerSnapshot, now: float) -> None:
        """Takes in one fetch. `now` is this node's monotonic time, in seconds."""
        self._now = now
        before, self._beats = self._beats, {}
        for node, beat in ledger.beats.items():
            stood, moved = before.get(node, (beat, None))
            self._beats[node] = (beat, moved if stood == beat else now)
        self._since = {name: since for name, since in self._since.items() if name in ledger.open}

    def leaves(self, ledger: LedgerSnapshot, mission: Mission) -> str:
        """Why this node does not ask for the mission now; empty if it does. `mission` is as it would work on it."""
        better = self._better(ledger, mission, self._idle(ledger))
        if better is None:
            return ""
        since = self._since.setdefault(mission.name, self._now)
        return better.why if self._now - since < better.seconds else ""

    def _idle(self, ledger: LedgerSnapshot) -> dict[str, NodeCapabilities]:
        """The other nodes that move and hold nothing, with what their pages say that they can do."""
        busy = {held.claim.node for held in ledger.claims.values() if not held.claim.closed}
        lease = ledger.charter.bus.lease
        return {
            node: _read_offer(ledger, node)
            for node, (_, moved) in self._beats.items()
            if node != self.offer.node and node not in busy and moved is not None and self._now - moved < lease
        }

    def _better(self, ledger: LedgerSnapshot, mission: Mission, others: dict[str, NodeCapabilities]) -> Deferral | None:
        low, high = ledger.charter.bus.poll_seconds
        can = {node: offer for node, offer in others.items() if self._can(mission, offer)}
        if not can:
            return None
        if mission.chosen_agent and (found := self._with_better_agent(ledger, mission, can)):
            return Deferral(why=found, seconds=low + high)
        part = ledger.charter.projects.get(mission.project or "")
        if part is None or mission.run is not None:
            return None
        if part.url.startswith("/") and not Path(part.url).exists():
            return Deferral(why=f"{part.url} is not on this machine", seconds=low + high)
        return None if self.warm(ledger, mission.project or "") else _defer_to_clone(ledger, mission, can, low)

    def _can(self, mission: Mission, offer: NodeCapabilities) -> bool:
        agents = offer.agents if mission.chosen_agent else frozenset({mission.agent}) & offer.agents
        return bool(suitable_agents(mission, offer, agents) if mission.chosen_agent else agents)

    def _with_better_agent(self, ledger: LedgerSnapshot, mission: Mission, others: dict[str, NodeCapabilities]) -> str:
        mine = self.offer.agents - NEVER_CHOSEN
        every = suitable_agents(mission, self.offer) | {
            a for offer in others.values() for a in suitable_agents(mission, offer)
        }
        best = choose_agent(mission, every, earlier_missions(ledger, mission.task))
        if best is None or best.agent in mine:
            return ""
        having = next(node for node in sorted(others) if best.agent in others[node].agents)
        return f"left to {having}, which has {best.agent} ({best.because})"


def _defer_to_clone(
    ledger: LedgerSnapshot, mission: Mission, others: dict[str, NodeCapabilities], seconds: float
) -> Deferral | None:
    """The node that finished work on this project last has a clone of it."""
    worked = (each.node for each in earlier_missions(ledger, mission.task) if each.about == mission.project)
    last = next(worked, None)
    if last is None or last not in others:
        return None
    return Deferral(why=f"left to {last}, which has a clone of {mission.project}", seconds=seconds)


def _read_offer(ledger: LedgerSnapshot, node: str) -> NodeCapabilities:
    """What a node's page says that it can do; nothing where there is none."""
    try:
        fields = split(ledger.text(f"{NODE_PAGES}/{node}.md")).fields
    except Malformed:
        fields = {}

    def listed(key: str) -> frozenset[str]:
        return frozenset(word.strip() for word in str(fields.get(key) or "").split(",") if word.strip())

    role = str(fields.get("role") or "")
    return NodeCapabilities(node=node, role=role, capabilities=listed("capabilities"), agents=listed("agents"))
