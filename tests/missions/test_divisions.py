"""To which division of which node does a mission go, and who is said to have answered?"""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from missions.divisions import DEFAULT_DIVISIONS, DIVISIONS, Division, division_for, primary_division
from missions.mission import TASKS, Mission
from missions.selection import NodeCapabilities, ineligible_reason

MISSION = Mission(name="m", title="m", body="x")
OFFER = NodeCapabilities(
    node="desk", role="LOCAL_WORKER", capabilities=frozenset({"gpu"}), agents=frozenset({"builtin"})
)
NORA = Division(division="primary", tasks=frozenset(), name="Nora")
MARA = Division(division="coder", tasks=frozenset({"coding_task"}), name="Mara", voice="short")


@pytest.mark.parametrize(
    ("task", "to", "why"),
    [
        ("coding_task", ("coder",), None),
        ("coding_task", ("desk/coder",), None),
        ("coding_task", ("desk", "coder"), None),
        ("coding_task", ("primary",), None),
        ("general_task", ("general", "gpu"), None),
        ("general_task", ("coder",), "the coder of desk takes no general_task"),
        ("coding_task", ("general",), "the general of desk takes no coding_task"),
        ("coding_task", ("vps/coder",), "meant for vps/coder"),
        ("coding_task", ("desk/gpu",), "meant for desk/gpu"),
        ("coding_task", ("/coder",), "meant for /coder"),
        ("coding_task", ("desk/coder/coder",), "meant for desk/coder/coder"),
        ("coding_task", ("vps", "coder"), "meant for vps, coder"),
    ],
)
def test_a_division_is_an_address(task: str, to: tuple[str, ...], why: str | None) -> None:
    """By itself it means any node's, with a node's name that one's; it takes its own kinds of work only."""
    assert ineligible_reason(replace(MISSION, task=task, to=to), OFFER) == why


@pytest.mark.parametrize(
    ("wanted", "why"),
    [((), None), (("gpu",), None), (("gpu", "keys"), "desk has no keys"), (("desk",), "desk has no desk")],
)
def test_capabilities_are_what_the_node_has(wanted: tuple[str, ...], why: str | None) -> None:
    """All of them; a node's name, its role or a division is none."""
    assert ineligible_reason(replace(MISSION, capabilities=wanted), OFFER) == why
    if not wanted:
        for word in ("LOCAL_WORKER", "coder"):
            assert ineligible_reason(replace(MISSION, capabilities=(word,)), OFFER) == f"desk has no {word}"


def test_who_answered_is_said_by_name() -> None:
    """The persona where there is one, the division and the node in any case."""
    divisions = (MARA, *DEFAULT_DIVISIONS[1:])
    code = replace(MISSION, task="coding_task")
    assert division_for(code, "desk", divisions).signature("desk") == "Mara, coder of desk"
    assert division_for(MISSION, "desk", divisions).signature("desk") == "general of desk"
    assert division_for(replace(code, to=("primary",)), "desk", divisions).signature("desk") == "primary of desk"
    assert division_for(replace(code, to=("vps/primary",)), "desk", divisions) is MARA


def test_a_division_that_takes_nothing_does_nothing() -> None:
    """With `tasks = []` its work goes to the node's primary."""
    divisions = (replace(MARA, tasks=frozenset()), *DEFAULT_DIVISIONS[1:])
    assert division_for(replace(MISSION, task="coding_task"), "desk", divisions).division == "primary"
    offer = replace(OFFER, divisions=divisions)
    assert ineligible_reason(replace(MISSION, task="coding_task", to=("coder",)), offer) == (
        "the coder of desk takes no coding_task"
    )


@given(
    st.sampled_from(TASKS),
    st.lists(st.sampled_from([*DIVISIONS, "desk", "desk/coder", "vps/coder", "", "/"]), max_size=3).map(tuple),
    st.sets(st.sampled_from(DEFAULT_DIVISIONS)),
)
def test_there_is_always_somebody_who_answered(task: str, to: tuple[str, ...], there: set[Division]) -> None:
    """Whatever the mission says, and whatever a node has; and who may take it by an address is who answers."""
    mission = replace(MISSION, task=task, to=to)
    found = division_for(mission, "desk", sorted(there, key=lambda each: each.division))
    assert found.division in DIVISIONS
    if there == set(DEFAULT_DIVISIONS) and to in {("coder",), ("general",), ("primary",)}:
        able = ineligible_reason(mission, replace(OFFER, agents=frozenset({"builtin", "review"}))) is None
        assert (found.division == to[0] and task in found.tasks) or not able


def test_the_primary_division_answers_for_its_node() -> None:
    """With its persona; the usual one where nobody said anything of it."""
    assert primary_division((MARA, NORA)).signature("desk") == "Nora, primary of desk"
    assert primary_division((MARA,)).signature("desk") == primary_division(()).signature("desk") == "primary of desk"
