"""Which limits keep a child mission that an agent proposed so small that nobody has to say yes to it?

Nothing beyond its parent's project, scope, share of the budget, agent, machines and time; other machines only by
capabilities that the rules name. What only a person may write is not taken over at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from missions.mission import Mission

if TYPE_CHECKING:
    from missions.approval import ChildLimits

PROPOSABLE_FIELDS = (
    "title",
    "task",
    "project",
    "priority",
    "agent",
    "to",
    "capabilities",
    "depends_on",
    "not_before",
    "timeout_seconds",
    "max_retries",
    "budget_usd",
    "scope",
)
"""What a proposal may set. `run`, `approve`, `trusted_by` and all that nodes write are a person's or the fold's."""

PROPOSABLE_TASKS = ("general_task", "coding_task")
"""What an agent may propose."""


def exceeds_parent(child: Mission, parent: Mission, allowed: ChildLimits) -> str:
    """What a child asks for that its parent does not give, in words; empty if nothing."""
    checks = {
        f"its parent is {parent.name}, not {child.parent}": child.parent == parent.name,
        f"it is a {child.task}, its parent a {parent.task}": child.task in {parent.task, "general_task"},
        f"it is for the project {child.project}, its parent for {parent.project}": child.project == parent.project,
        f"it is for the agent {_agents(child)}, its parent for {_agents(parent)}": _may_have_agents(child, parent),
        "it has a command line": child.run is None,
        f"it says approve: {child.approve}": child.approve in {"policy", "always"},
        "it asks for other machines than its parent": _may_have_machines(child, parent, allowed),
        "it may change more than its parent": _is_within_scope(child.scope, parent.scope),
        "it may take longer than its parent": child.timeout_seconds <= parent.timeout_seconds,
        "it may be tried more often than its parent": child.max_retries <= parent.max_retries,
        "it goes before its parent": child.priority <= parent.priority,
        "it may cost more than its share of its parent's budget": _is_within_budget(child, parent, allowed),
    }
    return "; ".join(why for why, fine in checks.items() if not fine)


def _agents(mission: Mission) -> str:
    return ", ".join(mission.agent_order) or mission.agent


def _may_have_agents(child: Mission, parent: Mission) -> bool:
    """Whether a child is for its parent's agent, or for none but those that its parent lists or leaves open."""
    if parent.agent_order:
        return child.agent in parent.agent_order or (bool(child.agent_order) and _lists(child, parent))
    return child.agent == parent.agent


def _lists(child: Mission, parent: Mission) -> bool:
    return set(child.agent_order) <= set(parent.agent_order)


def _may_have_machines(child: Mission, parent: Mission, allowed: ChildLimits) -> bool:
    """Whether a child asks for its parent's machines, or for nothing but capabilities that the rules let it ask for."""
    if (child.to, child.capabilities) == (parent.to, parent.capabilities):
        return True
    return bool(child.capabilities) and not child.to and set(child.capabilities) <= allowed.capabilities


def _is_within_scope(scope: tuple[str, ...], roof: tuple[str, ...]) -> bool:
    """Whether every pattern is one of the parent's; a parent without a scope gives everything."""
    return not roof or (bool(scope) and set(scope) <= set(roof))


def _is_within_budget(child: Mission, parent: Mission, allowed: ChildLimits) -> bool:
    """Each of `allowed.max` children may take an equal part of the share; where nobody limits it, nobody does."""
    if parent.budget_usd is None:
        return True
    return child.budget_usd is not None and child.budget_usd <= budget_share(parent.budget_usd, allowed)


def budget_share(budget_usd: float, allowed: ChildLimits) -> float:
    """What one child may cost, in USD."""
    return budget_usd * allowed.share / max(1, allowed.max)
