"""Which agent fits a mission best that leaves the choice?

Of those that can do it: by the share of attempts that were accepted, in the project first and elsewhere too, where few
attempts prove little; of nearly equal ones the cheapest. The same facts give the same choice on every machine.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from missions.mission import AGENTS, Mission
from orchestrator.workflow.assignment.agent_record import Deeds, deeds

BELIEF = {"builtin": 0.2}
"""What is expected of an agent that nobody has seen at work; the model on the machine itself is a small one."""
UNSEEN = 0.5
WEIGHT = 2.0
"""Attempts that this expectation counts as."""
ELSEWHERE = 0.25
"""What an attempt in another project counts."""
NEARLY = 0.1
"""Shares this close are the same."""
SHOWN = 3


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The agent, and why: what is known of it and of the next best."""

    agent: str
    because: str


@dataclass(frozen=True, kw_only=True)
class _Rated:
    agent: str
    share: float
    cost: float
    dear: bool
    here: Deeds
    all: Deeds


def choose(mission: Mission, agents: Collection[str], past: Sequence[Mission]) -> Choice | None:
    """The best of `agents` for a mission; None of none. `past` are earlier missions of its task."""
    rated = [_rate(mission, agent, past) for agent in sorted(agents, key=_place)]
    if not rated:
        return None
    affordable = [each for each in rated if not each.dear] or rated
    top = max(each.share for each in affordable)
    near = [each for each in affordable if each.share >= top - NEARLY]
    best = min(near, key=lambda each: (each.cost, -each.share, _place(each.agent)))
    others = sorted((each for each in rated if each is not best), key=lambda each: (-each.share, _place(each.agent)))
    told = "; ".join(_told(each, mission) for each in [best, *others][:SHOWN])
    return Choice(agent=best.agent, because=told)


def _rate(mission: Mission, agent: str, past: Sequence[Mission]) -> _Rated:
    project = mission.project or ""
    here, everywhere = deeds(past, agent, project), deeds(past, agent)
    there = (everywhere.accepted - here.accepted, everywhere.attempts - here.attempts) if project else (0, 0)
    good = here.accepted + ELSEWHERE * there[0] + WEIGHT * BELIEF.get(agent, UNSEEN)
    cost = here.cost_usd if here.cost_usd is not None else everywhere.cost_usd
    return _Rated(
        agent=agent,
        share=good / (here.attempts + ELSEWHERE * there[1] + WEIGHT),
        cost=cost or 0.0,
        dear=mission.budget_usd is not None and (cost or 0.0) > mission.budget_usd,
        here=here,
        all=everywhere,
    )


def _told(each: _Rated, mission: Mission) -> str:
    known = each.here if each.here.attempts else each.all
    where = (mission.project or "") if each.here.attempts else "other projects" if each.all.attempts else ""
    return known.told(each.agent, where) + (", above the budget" if each.dear else "")


def _place(agent: str) -> tuple[bool, int]:
    return agent == "builtin", AGENTS.index(agent) if agent in AGENTS else len(AGENTS)
