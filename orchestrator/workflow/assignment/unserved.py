"""Why is a mission unserved: can no node of the fleet do it as it is?

Told from the pages of the nodes that beat. Whoever has no page yet has only just started: nothing is said until it is
there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from missions.mission import AUTO, Mission
from missions.one_line import printable
from missions.selection import NodeCapabilities, changes_project, ineligible_reason
from orchestrator.core.model_competence import NO_CODING_AGENT
from orchestrator.execution.programs.install_lines import INSTALL_LINES
from orchestrator.ledger.node_pages import announced_nodes
from orchestrator.ledger.snapshot import LedgerSnapshot

NO_NODE = "no node is up: `shiftbook node run` on a machine of the fleet starts one"
MAX_NAMED_NODES = 3


@dataclass(frozen=True)
class UnservedMissions:
    """Looks at one ledger; the nodes' pages are read once, when they are first asked for."""

    ledger: LedgerSnapshot

    def reason(self, mission: Mission) -> str:
        """Why no node that is up can do a mission, with what would mend it; empty where one can."""
        if not self._beating:
            return NO_NODE
        offers = self.offers
        if len(offers) < len(self._beating) or any(serves(mission, offer) for offer in offers):
            return ""
        return _explain(mission, offers)

    @cached_property
    def _beating(self) -> frozenset[str]:
        return frozenset(self.ledger.beats)

    @cached_property
    def offers(self) -> tuple[NodeCapabilities, ...]:
        """What each node that beats offers, as its page says."""
        return tuple(self._read())

    def _read(self) -> Iterator[NodeCapabilities]:
        pages = announced_nodes(self.ledger)
        for name in sorted(self._beating & pages.keys()):
            page = pages[name]
            yield NodeCapabilities(
                node=printable(name),
                role=page.role,
                capabilities=frozenset(page.capabilities),
                agents=frozenset(page.agents),
                weak=frozenset(page.weak),
            )


def serves(mission: Mission, offer: NodeCapabilities) -> bool:
    """Whether a node that offers this could take a mission."""
    if mission.agent == AUTO:
        from orchestrator.workflow.assignment.assign import suitable_agents  # a list of other missions needs none of it

        return bool(suitable_agents(mission, offer))
    return ineligible_reason(mission, offer) is None


def _explain(mission: Mission, offers: tuple[NodeCapabilities, ...]) -> str:
    able = [offer for offer in offers if serves(replace(mission, to=()), offer)]
    if able:
        return f"no node that is up is meant by “to: {', '.join(mission.to)}” ({_names(able)} could do it)"
    if mission.agent == AUTO and changes_project(mission) and any(offer.weak for offer in offers):
        return NO_CODING_AGENT
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


def _names(offers: tuple[NodeCapabilities, ...] | list[NodeCapabilities]) -> str:
    names = [offer.node for offer in offers]
    more = f" and {len(names) - MAX_NAMED_NODES} more" if len(names) > MAX_NAMED_NODES else ""
    return ", ".join(names[:MAX_NAMED_NODES]) + more
