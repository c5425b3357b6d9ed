"""What each arm is given: equally much, and what its name says."""

from __future__ import annotations

import pytest

from handoff.context_builder import memoised
from orchestrator.continuity.ablation_arms import AblationArm
from orchestrator.continuity.arms import ACTION_ARMS, FILLER, MEANS, Arm, ArmMaker, oracle_facts
from orchestrator.continuity.scenarios.build_task import tasks_of
from orchestrator.continuity.scenarios.history_generator import generate_history
from tests.orchestrator.continuity.studies import count

HISTORY, OTHER = generate_history(3, 0), generate_history(3, 1)
COMMANDS = [f"python build.py --mode {mode}" for mode in HISTORY.traps.modes]
REQUEST = tasks_of(HISTORY)[0].request


def maker(budget: int = 700, generation: int = 3) -> ArmMaker:
    return ArmMaker(history=HISTORY, placebo=OTHER, generation=generation, budget=budget, count=memoised(count))


@pytest.mark.parametrize("budget", [400, 900, 2500])
def test_every_arm_has_the_same_number_of_tokens(budget: int) -> None:
    """To within one of the lines that say nothing, and never more than the budget."""
    made = maker(budget)
    sizes = {arm: count(made.context(arm, REQUEST, COMMANDS)) for arm in Arm}
    assert all(budget - count(FILLER + "\n") - 1 <= size <= budget for size in sizes.values()), sizes


def test_nothing_says_nothing() -> None:
    """It is lines to fill the page, and so is the beginning of the arms that are warned later."""
    assert set(maker().context(Arm.NOTHING, REQUEST).splitlines()) == {FILLER}
    assert maker().context(Arm.AFTER, REQUEST) == maker().context(Arm.NOTHING, REQUEST)


def test_the_placebo_is_another_projects_handoff_and_nothing_of_this_one() -> None:
    """As much in its form, and no entry of the project that is asked about."""
    placebo, own = maker().context(Arm.PLACEBO, REQUEST), maker().context(Arm.HANDOFF, REQUEST)
    assert f"{HISTORY.name}-" not in placebo
    assert f"# {OTHER.name.capitalize()}" in placebo
    assert f"# {HISTORY.name.capitalize()}" in own
    assert f"{OTHER.name}-" not in own


def test_the_handoff_is_what_the_product_gives() -> None:
    """Standing rules, the briefing after the reviews, the newest entries; more reviews are another briefing."""
    own = maker(2500).context(Arm.HANDOFF, REQUEST)
    assert "## Standing rules" in own
    assert "<!-- item:" in own
    assert all(f"<!-- entry: {entry.entry_id} -->" in own for entry in HISTORY.entries[-3:])
    assert HISTORY.briefing(3) != HISTORY.briefing(0)


def test_the_tail_is_the_newest_entries_and_no_more() -> None:
    """No tier above the log, no entry out of order."""
    tail = maker().context(Arm.TAIL, REQUEST)
    assert "Standing rules" not in tail
    assert HISTORY.entries[-1].entry_id in tail
    assert f"entry: {HISTORY.entries[0].entry_id} " not in tail


def test_recalled_lines_answer_the_request() -> None:
    """What a search finds for it, so another request finds others."""
    name = HISTORY.settings[2].name.casefold()
    found = maker().context(Arm.RECALLED, f"What is the {name}?")
    assert name in found.casefold()
    assert found != maker().context(Arm.RECALLED, "Which page is readable on phones?")


def test_the_same_warnings_come_at_the_start_or_at_the_action() -> None:
    """Byte for byte the same lines, each with its citation; never twice."""
    made = maker()
    early = made.context(Arm.MISPLACED, REQUEST, COMMANDS)
    heard: list[str] = []
    for command in COMMANDS:
        for one in made.warnings(command, heard):
            assert one.line in early
            assert one.text not in heard
            heard.append(one.text)
    assert len(heard) == 4  # both traps, as what failed and as what to do instead
    assert made.warnings(COMMANDS[0], heard) == []
    assert made.warnings(f"python build.py --mode {HISTORY.traps.works}") == []


def test_the_oracle_is_the_truth_and_each_arm_is_explained() -> None:
    """A line for each fact; the report has a sentence for each arm."""
    facts = list(oracle_facts(HISTORY))
    assert f"- {HISTORY.settings[2].name}: {HISTORY.settings[2].current}" in facts
    assert f"- {HISTORY.settings[3].name}: none is set" in facts
    assert set(MEANS) == {*Arm, *AblationArm} > ACTION_ARMS
