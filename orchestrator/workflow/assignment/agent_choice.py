"""Which agent fits a mission best that leaves the choice?

Of those that can do it: by the share of attempts that were accepted, in the project first and elsewhere too, where few
attempts prove little; of nearly equal ones the cheapest. The same facts give the same choice on every machine.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from missions.mission import AGENTS, Mission
from orchestrator.workflow.assignment.agent_record import AgentRecord, agent_record

PRIOR_SHARES = {"builtin": 0.2}
"""What is expected of an agent that nobody has seen at work; the model on the machine itself is a small one."""
DEFAULT_PRIOR_SHARE = 0.5
PRIOR_WEIGHT = 2.0
"""Attempts that this expectation counts as."""
OTHER_PROJECT_WEIGHT = 0.25
"""What an attempt in another project counts."""
TIE_MARGIN = 0.1
"""Shares this close are the same."""
MAX_REASONS = 3


@dataclass(frozen=True, kw_only=True)
class AgentChoice:
    """The agent, and why: what is known of it and of the next best."""

    agent: str
    because: str


@dataclass(frozen=True, kw_only=True)
class _RatedAgent:
    agent: str
    share: float
    cost: float
    exceeds_budget: bool
    here: AgentRecord
    all: AgentRecord


def choose_agent(mission: Mission, agents: Collection[str], past: Sequence[Mission]) -> AgentChoice | None:
    """The best of `agents` for a mission; None of none. `past` are earlier missions of its task."""
    rated = [_rate(mission, agent, past) for agent in sorted(agents, key=_preference)]
    if not rated:
        return None
    affordable = [each for each in rated if not each.exceeds_budget] or rated
    top = max(each.share for each in affordable)
    near = [each for each in affordable if each.share >= top - TIE_MARGIN]
    best = min(near, key=lambda each: (each.cost, -each.share, _preference(each.agent)))
    others = sorted(
        (each for each in rated if each is not best), key=lambda each: (-each.share, _preference(each.agent))
    )
    told = "; ".join(_describe_record(each, mission) for each in [best, *others][:MAX_REASONS])
    return AgentChoice(agent=best.agent, because=told)


def _rate(mission: Mission, agent: str, past: Sequence[Mission]) -> _RatedAgent:
    project = mission.project or ""
    here, everywhere = agent_record(past, agent, project), agent_record(past, agent)
    there = (everywhere.accepted - here.accepted, everywhere.attempts - here.attempts) if project else (0, 0)
    good = here.accepted + OTHER_PROJECT_WEIGHT * there[0] + PRIOR_WEIGHT * PRIOR_SHARES.get(agent, DEFAULT_PRIOR_SHARE)
    cost = here.cost_usd if here.cost_usd is not None else everywhere.cost_usd
    return _RatedAgent(
        agent=agent,
        share=good / (here.attempts + OTHER_PROJECT_WEIGHT * there[1] + PRIOR_WEIGHT),
        cost=cost or 0.0,
        exceeds_budget=mission.budget_usd is not None and (cost or 0.0) > mission.budget_usd,
        here=here,
        all=everywhere,
    )


def _describe_record(each: _RatedAgent, mission: Mission) -> str:
    known = each.here if each.here.attempts else each.all
    where = (mission.project or "") if each.here.attempts else "other projects" if each.all.attempts else ""
    return known.told(each.agent, where) + (", above the budget" if each.exceeds_budget else "")


def _preference(agent: str) -> tuple[bool, int]:
    return agent == "builtin", AGENTS.index(agent) if agent in AGENTS else len(AGENTS)
