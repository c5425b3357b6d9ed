"""How does a node assign what a mission leaves open, before it takes the mission?

A project where the file names none, an agent where it leaves the choice. The person's file is not changed: what was
chosen is told in the result, and a mission that nobody can be sure about waits with its reason.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from missions.mission import AUTO, CODING_TASK, UPDATE_AGENT, Mission
from missions.selection import NodeCapabilities, changes_project, ineligible_reason
from orchestrator.core.model_competence import CODING_CURE
from orchestrator.ledger.accounts.account_windows import ClosedAccount
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.workflow.assignment.agent_choice import AgentChoice, choose_agent
from orchestrator.workflow.assignment.agent_record import earlier_missions
from orchestrator.workflow.assignment.project_match import ProjectMatch, find_project

NEVER_CHOSEN = frozenset({"command", "review", UPDATE_AGENT, AUTO})
"""Agents that a person must ask for."""
NONE_CLOSED: Mapping[str, ClosedAccount] = {}
"""Every account is open."""
MAX_LISTED_PROJECTS = 6
"""Projects that are listed where nothing points at any."""


@dataclass(frozen=True, kw_only=True)
class ResolvedMission:
    """A mission as a node would work on it. `waits` says why nobody may start it; `remarks` what was chosen."""

    mission: Mission
    remarks: tuple[str, ...] = ()
    waits: str = ""


def match_project(ledger: LedgerSnapshot, mission: Mission) -> ProjectMatch:
    """Which project a mission means that names none."""
    return find_project(ledger, mission.request, needs=mission.task == CODING_TASK, scope=mission.scope)


def missing_project_reason(ledger: LedgerSnapshot, mission: Mission) -> str:
    """Why a mission cannot start until somebody names its project; empty where it can."""
    if not _lacks_project(mission) or mission.task != CODING_TASK:
        return ""
    found = match_project(ledger, mission)
    if found.project:
        return ""
    names = sorted(ledger.charter.projects)
    known = (
        f"fleet.toml has {', '.join(names[:MAX_LISTED_PROJECTS])}{', …' * (len(names) > MAX_LISTED_PROJECTS)}"
        if names
        else "there is none yet"
    )
    return f"names no project; {found.could_be or known}: add `project: NAME` to the file"


def resolve_mission(
    ledger: LedgerSnapshot,
    mission: Mission,
    offer: NodeCapabilities,
    closed: Mapping[str, ClosedAccount] = NONE_CLOSED,
) -> ResolvedMission:
    """The mission with what it leaves open filled in, as a node with this offer would work on it. To the agents whose
    accounts are `closed` nothing is given."""
    why = missing_project_reason(ledger, mission)
    if why:
        return ResolvedMission(mission=mission, waits=why)
    remarks: tuple[str, ...] = ()
    if _lacks_project(mission):
        found = match_project(ledger, mission)
        if found.project:
            mission = replace(mission, project=found.project, matched_project=found.project)
            remarks = (f"names no project; worked on {found.looks}",)
    if mission.agent != AUTO:
        shut = closed.get(mission.agent)
        return ResolvedMission(mission=mission, remarks=remarks, waits=shut.says if shut else "")
    able = suitable_agents(mission, offer)
    agents = able - closed.keys()
    if able and not agents:
        first = min((closed[agent] for agent in able), key=lambda each: each.until)
        return ResolvedMission(mission=mission, waits=first.says)
    if mission.kept_on == offer.node and mission.chosen_agent in agents:  # it goes on where it was parked
        return ResolvedMission(mission=replace(mission, agent=mission.chosen_agent), remarks=remarks)
    chosen = _first_listed(mission, agents, able) or choose_agent(
        mission, agents, earlier_missions(ledger, mission.task)
    )
    if chosen is None:
        weak = changes_project(mission) and offer.weak
        why = CODING_CURE if weak else f"{offer.node} has no agent for a {mission.task}"
        return ResolvedMission(mission=mission, waits=f"{offer.node} has no coding agent: {why}" if weak else why)
    mission = replace(mission, agent=chosen.agent, chosen_agent=chosen.agent)
    return ResolvedMission(mission=mission, remarks=(*remarks, f"agent: {chosen.agent} was chosen ({chosen.because})"))


def _first_listed(mission: Mission, agents: Collection[str], able: Collection[str]) -> AgentChoice | None:
    """The first of a person's list that may be given work; None without a list, or of none."""
    agent = next((each for each in mission.agent_order if each in agents), None)
    if agent is None:
        return None
    resting = [each for each in mission.agent_order if each in able and each not in agents]
    why = f"; used up: {', '.join(resting)}" if resting else ""
    return AgentChoice(agent=agent, because=f"of {', '.join(mission.agent_order)}{why}")


def suitable_agents(mission: Mission, offer: NodeCapabilities, agents: Collection[str] | None = None) -> frozenset[str]:
    """Those of a node's agents that may be chosen for a mission."""
    there = (offer.agents if agents is None else frozenset(agents)) - NEVER_CHOSEN
    if mission.agent_order:
        there &= frozenset(mission.agent_order)
    elif changes_project(mission):
        there -= offer.weak
    offer = replace(offer, agents=there)
    return frozenset(agent for agent in there if ineligible_reason(replace(mission, agent=agent), offer) is None)


def _lacks_project(mission: Mission) -> bool:
    """Whether a project may be found for it: a command line runs where its author said, which may be nowhere."""
    said = mission.project is not None or mission.projectless or mission.run is not None
    return not said and mission.agent not in ("command", "review", UPDATE_AGENT)
