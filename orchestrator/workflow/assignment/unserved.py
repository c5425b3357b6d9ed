"""Why is a mission unserved: can no node of the fleet do it as it is?

Told from the pages of the nodes that beat. Whoever has no page yet has only just started: nothing is said until it is
there.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from missions.agents.agent_names import is_own_agent, is_paid_agent
from missions.divisions import addressed
from missions.mission import AUTO, Mission
from missions.one_line import printable
from missions.selection import NodeCapabilities, changes_project, ineligible_reason
from orchestrator.ledger.node_pages import Presence, announced_nodes
from orchestrator.ledger.snapshot import LedgerSnapshot

if TYPE_CHECKING:
    from orchestrator.workflow.assignment.account_status import AccountStatus

NO_NODE = "no node is up: `shiftbook node run` on a machine of the fleet starts one"
MAX_NAMED_NODES = 3


@dataclass(frozen=True)
class UnservedMissions:
    """Looks at one ledger; the nodes' pages are read once, when they are first asked for."""

    ledger: LedgerSnapshot

    def reason(self, mission: Mission) -> str:
        """Why no node that is up can do a mission, with what would mend it; empty where one can."""
        if self.nobody_is_up:
            return self.nobody_is_up
        offers = self.offers
        if len(offers) < len(self._beating) or any(serves(mission, offer) for offer in offers):
            return ""
        if is_own_agent(mission.agent) and mission.agent not in self.ledger.charter.agents:
            return f"{mission.agent} is in no table of fleet.toml: an admin adds [agents.{mission.agent}]"
        able = [offer for offer in self.away if serves(mission, offer)]
        if able:
            is_up = "is not up" if len(able) == 1 else "are not up"
            return f"waits for {_names(able)}, which can do it and {is_up}"
        return _explain(mission, offers)

    def resting_reason(self, mission: Mission, now: datetime) -> str:
        """Why nobody starts a mission now, in words: each account that could do it is used up. Empty if one is open."""
        if not self._tells_closed or (mission.agent != AUTO and not is_paid_agent(mission.agent)):
            return ""
        accounts = accounts_for(self.ledger, mission, self.offers)
        closed = [shut for each in self._statuses_at(now) if each.account in accounts and (shut := each.closed)]
        if not closed or len(closed) < len(accounts):
            return ""
        return min(closed, key=lambda each: each.until).says

    @property
    def nobody_is_up(self) -> str:
        """That no node beats at all, with what mends it; empty where one does."""
        return "" if self._beating else NO_NODE

    @cached_property
    def _tells_closed(self) -> bool:
        """Whether any page says that a window is used up."""
        return any(each.window.exhausted for page in self._pages.values() for each in page.windows)

    def _statuses_at(self, now: datetime) -> tuple[AccountStatus, ...]:
        from orchestrator.workflow.assignment.account_status import account_statuses  # most fleets tell of none

        if now not in self._statuses:
            self._statuses[now] = account_statuses(self.ledger, now)
        return self._statuses[now]

    @cached_property
    def _statuses(self) -> dict[datetime, tuple[AccountStatus, ...]]:
        """The accounts, by the moments for which they were looked up: of one list it is one."""
        return {}

    @cached_property
    def _beating(self) -> frozenset[str]:
        return frozenset(self.ledger.beats)

    @cached_property
    def offers(self) -> tuple[NodeCapabilities, ...]:
        """What each node that beats offers, as its page says."""
        return tuple(self._offer(name) for name in sorted(self._beating & self._pages.keys()))

    @cached_property
    def away(self) -> tuple[NodeCapabilities, ...]:
        """What the other nodes offered, as the pages say that they left."""
        return tuple(self._offer(name) for name in sorted(self._pages.keys() - self._beating))

    @cached_property
    def _pages(self) -> dict[str, Presence]:
        return announced_nodes(self.ledger)

    def _offer(self, name: str) -> NodeCapabilities:
        return _offer_of(self._pages[name], self.ledger)


def announced_offer(ledger: LedgerSnapshot, name: str) -> NodeCapabilities | None:
    """What a node's page says that it offers; None where it has no page."""
    page = announced_nodes(ledger).get(name)
    return _offer_of(page, ledger) if page else None


def _offer_of(page: Presence, ledger: LedgerSnapshot) -> NodeCapabilities:
    return NodeCapabilities(
        node=printable(page.name),
        role=page.role,
        capabilities=frozenset(page.capabilities),
        agents=frozenset(page.agents),
        tasks=frozenset(page.tasks),
        answering=frozenset(page.answering),
        weak=frozenset(page.weak),
        divisions=ledger.charter.divisions(page.name),
    )


def serves(mission: Mission, offer: NodeCapabilities) -> bool:
    """Whether a node that offers this could take a mission."""
    if mission.agent == AUTO:
        from orchestrator.workflow.assignment.assign import suitable_agents  # a list of other missions needs none of it

        return bool(suitable_agents(mission, offer))
    return ineligible_reason(mission, offer) is None


def accounts_for(ledger: LedgerSnapshot, mission: Mission, offers: Iterable[NodeCapabilities]) -> frozenset[str]:
    """The accounts with which a mission could be done now; none where an agent without an account could do it."""
    from orchestrator.workflow.assignment.assign import suitable_agents

    found: set[str] = set()
    for offer in offers:
        if not serves(mission, offer):
            continue
        agents = suitable_agents(mission, offer) if mission.agent == AUTO else {mission.agent}
        if not all(map(is_paid_agent, agents)):
            return frozenset()
        found |= {ledger.charter.account(offer.node, agent) for agent in agents}
    return frozenset(found)


def _explain(mission: Mission, offers: tuple[NodeCapabilities, ...]) -> str:
    from orchestrator.core.model_competence import NO_CODING_AGENT  # most lists have nothing to explain
    from orchestrator.execution.programs.install_lines import INSTALL_LINES

    able = [offer for offer in offers if serves(replace(mission, to=(), capabilities=()), offer)]
    if able:
        return _explain_place(mission, able)
    if mission.agent == AUTO and changes_project(mission) and any(offer.weak for offer in offers):
        return NO_CODING_AGENT
    if mission.agent == AUTO and mission.agent_order:
        line = INSTALL_LINES.get(mission.agent_order[0])
        cure = f"install one there, such as {mission.agent_order[0]}: `{line}`" if line else "set one of them up there"
        return f"no node of this fleet offers any of {', '.join(mission.agent_order)} ({_names(offers)}); {cure}"
    if mission.agent == AUTO:
        has = sorted(frozenset[str]().union(*(offer.agents for offer in offers)))
        install = f"install one there, such as claude: `{INSTALL_LINES['claude']}`"
        return (
            f"no node of this fleet has an agent for a {mission.task} ({_names(offers)}: {', '.join(has)}); {install}"
        )
    if any(mission.agent in offer.agents for offer in offers):
        return "; ".join(why for offer in offers if (why := ineligible_reason(mission, offer)))
    line = INSTALL_LINES.get(mission.agent)
    cure = f"not installed, `{line}`" if line else "it is not set up there"
    return f"no node of this fleet offers {mission.agent} ({_names(offers)}: {cure})"


def _explain_place(mission: Mission, able: list[NodeCapabilities]) -> str:
    """What of the nodes that could do the work is missing, or why none of them is meant."""
    could = f"({_names(able)} could do it)"
    lacking = [word for word in mission.capabilities if not any(word in offer.capabilities for offer in able)]
    if lacking:
        setting = f"SHIFTBOOK_CAPABILITIES={','.join(lacking)}"
        return f"no node that is up has {', '.join(lacking)}; set {setting} on one that has {could}"
    if mission.capabilities and not any(set(mission.capabilities) <= offer.capabilities for offer in able):
        wanted = set(mission.capabilities)
        has = [f"{offer.node}: {', '.join(sorted(wanted & offer.capabilities)) or 'none'}" for offer in able]
        shown = "; ".join(has[:MAX_NAMED_NODES])
        return f"no node that is up has all of {', '.join(mission.capabilities)} ({shown})"
    refused = [(offer.node, word) for offer in able for word in addressed(mission, offer.node)]
    if refused:
        whose = ", ".join(f"the {division} of {node}" for node, division in refused[:MAX_NAMED_NODES])
        return f"{whose} takes no {mission.task}"
    return f"no node that is up is meant by “to: {', '.join(mission.to)}” {could}"


def _names(offers: tuple[NodeCapabilities, ...] | list[NodeCapabilities]) -> str:
    names = [offer.node for offer in offers]
    more = f" and {len(names) - MAX_NAMED_NODES} more" if len(names) > MAX_NAMED_NODES else ""
    return ", ".join(names[:MAX_NAMED_NODES]) + more
