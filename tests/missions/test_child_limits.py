"""Does a child that an agent proposed ask for nothing that its parent does not give?"""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from missions.approval import ChildLimits
from missions.child_limits import PROPOSABLE_FIELDS, PROPOSABLE_TASKS, budget_share, exceeds_parent
from missions.fields import ROLES
from missions.mission import Mission

LIMITS = ChildLimits(max=4, share=0.5)
PARENT = Mission(
    name="parent",
    title="A parent",
    body="",
    task="coding_task",
    project="shop",
    agent="claude",
    to=("desk",),
    scope=("src/**", "docs/**"),
    timeout_seconds=600,
    max_retries=2,
    priority=3,
    budget_usd=8.0,
)
CHILD = replace(
    PARENT, name="child", parent="parent", scope=("src/**",), timeout_seconds=300, budget_usd=1.0, approve="policy"
)


def test_a_child_within_its_parent_needs_nobody() -> None:
    """The same project, agent and machines, a part of the scope, less time and money."""
    assert exceeds_parent(CHILD, PARENT, LIMITS) == ""


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"parent": "other"}, "its parent is parent, not other"),
        ({"parent": None}, "its parent is parent, not None"),
        ({"task": "review"}, "it is a review, its parent a coding_task"),
        ({"project": "bank"}, "for the project bank"),
        ({"project": None}, "for the project None"),
        ({"agent": "command"}, "for the agent command"),
        ({"run": "rm -rf ."}, "it has a command line"),
        ({"run": ""}, "it has a command line"),
        ({"approve": "never"}, "it says approve: never"),
        ({"to": ("desk", "vps")}, "other machines"),
        ({"to": ()}, "other machines"),
        ({"capabilities": ("keyring",)}, "other machines"),
        ({"to": (), "capabilities": ("keyring",)}, "other machines"),
        ({"scope": ("**",)}, "may change more"),
        ({"scope": ("src/**", "etc/**")}, "may change more"),
        ({"scope": ()}, "may change more"),
        ({"timeout_seconds": 601}, "may take longer"),
        ({"max_retries": 3}, "tried more often"),
        ({"priority": 4}, "goes before its parent"),
        ({"budget_usd": None}, "may cost more"),
        ({"budget_usd": 1.01}, "may cost more"),
    ],
)
def test_each_thing_more_is_said(change: dict[str, object], why: str) -> None:
    """One reason for one thing; a person reads which."""
    said = exceeds_parent(replace(CHILD, **change), PARENT, LIMITS)  # type: ignore[arg-type]
    assert why in said
    assert ";" not in said


def test_another_machine_is_asked_for_by_capabilities_that_the_rules_name() -> None:
    """`policy.children.capabilities`: those and no other, and never by a machine's name or role."""
    rules = replace(LIMITS, capabilities=frozenset({"keyring", "files"}))
    asks = replace(CHILD, to=(), capabilities=("keyring",))
    assert exceeds_parent(asks, PARENT, rules) == ""
    assert exceeds_parent(replace(asks, capabilities=("keyring", "files")), PARENT, rules) == ""
    for more in [{"capabilities": ("keyring", "gpu")}, {"to": ("vps",)}, {"to": ("desk",)}, {"capabilities": ()}]:
        assert "other machines" in exceeds_parent(replace(asks, **more), PARENT, rules)  # type: ignore[arg-type]
    bound = replace(PARENT, capabilities=("gpu",))
    assert exceeds_parent(replace(CHILD, capabilities=("gpu",)), bound, LIMITS) == ""
    assert "other machines" in exceeds_parent(CHILD, bound, LIMITS)


def test_all_reasons_are_said_together() -> None:
    """Who asks for three things too many reads three."""
    greedy = replace(CHILD, run="true", priority=9, budget_usd=99.0)
    assert exceeds_parent(greedy, PARENT, LIMITS).count(";") == 2


@pytest.mark.parametrize("change", [{"task": "general_task"}, {"approve": "always"}, {"priority": -1}, {"scope": ()}])
def test_less_is_no_reason(change: dict[str, object]) -> None:
    """A question for a coder's child, a person's look in any case, a lower rank; no scope where nothing bounds it."""
    parent = replace(PARENT, scope=()) if "scope" in change else PARENT
    assert exceeds_parent(replace(CHILD, **change), parent, LIMITS) == ""  # type: ignore[arg-type]


def test_where_nobody_limits_the_parent_nobody_limits_its_children() -> None:
    """Without a budget there is no share of one."""
    free = replace(PARENT, budget_usd=None)
    assert exceeds_parent(replace(CHILD, budget_usd=None), free, LIMITS) == ""
    assert exceeds_parent(replace(CHILD, budget_usd=1000.0), free, LIMITS) == ""


@given(st.floats(0, 1e6), st.integers(1, 100), st.floats(0, 1))
def test_children_together_stay_below_the_share(budget: float, most: int, share: float) -> None:
    """As many as are allowed, each with all that it may cost."""
    allowed = ChildLimits(max=most, share=share)
    assert budget_share(budget, allowed) * most <= budget * share * (1 + 1e-9)


def test_where_no_child_is_allowed_the_share_is_still_a_number() -> None:
    """It is asked about before anybody counts them."""
    assert budget_share(8.0, ChildLimits(max=0, share=0.5)) == 4.0


def test_a_proposal_sets_no_field_that_gives_rights() -> None:
    """Nothing that runs a command, approves, or says whom one trusts; and only fields that there are."""
    assert not {"run", "approve", "trusted_by", "decision", "parent", "on_approval"} & set(PROPOSABLE_FIELDS)
    assert set(PROPOSABLE_FIELDS) - {"title"} <= set(ROLES) | {"title"}
    assert "command" not in PROPOSABLE_TASKS
