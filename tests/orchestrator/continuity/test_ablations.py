"""Does each ablation change exactly what it says, and is a reader that uses one part alone told for that?"""

from __future__ import annotations

from pathlib import Path

import pytest

from handoff.context_builder import memoised
from orchestrator.continuity.ablation_arms import BUDGETS, LEFT_OUT, AblationArm, parts
from orchestrator.continuity.ablations import ABLATIONS
from orchestrator.continuity.arms import ACTION_ARMS, FILLER, MEANS, Arm, ArmMaker, StudyArm
from orchestrator.continuity.reader import Choices
from orchestrator.continuity.scenarios.history_generator import generate_history
from orchestrator.continuity.study_plan import most_calls, most_tokens, read_plan, write_plan
from orchestrator.continuity.verdicts import judge
from tests.orchestrator.continuity.readers import UsingReader
from tests.orchestrator.continuity.studies import count, planned, run_study

HISTORY, OTHER = generate_history(3, 0), generate_history(3, 1)
NAMES = {AblationArm.NO_RULES: "project", AblationArm.NO_BRIEFING: "briefing", AblationArm.NO_LOG: "log"}


def given(arm: StudyArm, budget: int = 1200) -> str:
    """What an instance is given in an arm."""
    maker = ArmMaker(history=HISTORY, placebo=OTHER, generation=3, budget=budget, count=memoised(count))
    return maker.context(arm, "What is set?")


def told(context: str) -> str:
    """The same without the lines that say nothing."""
    return context.replace(f"{FILLER}\n", "")


@pytest.mark.parametrize("arm", sorted(set(AblationArm) - set(BUDGETS)))
@pytest.mark.parametrize("budget", [700, 1200, 3000])
def test_an_ablation_has_as_many_tokens_as_the_handoff(arm: AblationArm, budget: int) -> None:
    """To within one line that says nothing: what differs is what stands in them."""
    assert budget - count(FILLER + "\n") - 1 <= count(given(arm, budget)) <= budget


@pytest.mark.parametrize("budget", [700, 1200, 3000])
@pytest.mark.parametrize(("arm", "part"), NAMES.items())
def test_one_tier_is_left_out_and_nothing_else(arm: AblationArm, part: str, budget: int) -> None:
    """The other parts are those of the handoff, byte for byte, in its order."""
    whole = parts(given(Arm.HANDOFF, budget))
    assert list(whole) == ["project", "briefing", "log"]
    assert told(given(arm, budget)) == "".join(text for name, text in whole.items() if name != part)
    assert set(LEFT_OUT) == set(NAMES)


def test_the_order_is_turned_round_and_nothing_else() -> None:
    """The same parts, the newest entries first."""
    whole = parts(given(Arm.HANDOFF))
    assert list(parts(given(AblationArm.REVERSED)).items()) == list(reversed(whole.items()))


def test_the_briefing_alone_is_what_the_handoff_has_of_it_or_more() -> None:
    """No standing rules, no entry; with room enough it is the whole briefing."""
    alone = given(AblationArm.BRIEFING, 3000)
    assert list(parts(alone)) == ["briefing"]
    assert parts(alone)["briefing"] == parts(given(Arm.HANDOFF, 3000))["briefing"]
    assert len(told(given(AblationArm.BRIEFING, 400))) > len(parts(given(Arm.HANDOFF, 400))["briefing"])


@pytest.mark.parametrize(("arm", "budget"), BUDGETS.items())
def test_a_budget_is_the_handoff_in_that_many_tokens(arm: AblationArm, budget: int) -> None:
    """Whatever the study's budget is."""
    assert given(arm, 600) == given(arm, 3000) == given(Arm.HANDOFF, budget)


def test_each_ablation_compares_arms_that_it_has() -> None:
    """Each has the check of the study; at the action only tasks are asked; all arms are explained."""
    for name, one in ABLATIONS.items():
        assert {Arm.NOTHING, Arm.ORACLE} <= set(one.arms) <= set(MEANS), name
        assert all({each.first, each.second} <= set(one.arms) for each in one.hypotheses), name
        assert one.items == "tasks" or not ACTION_ARMS & set(one.arms), name
    covered = {arm for one in ABLATIONS.values() for arm in one.arms}
    assert covered >= set(AblationArm)


def test_a_plan_counts_the_tokens_of_arms_with_a_budget_of_their_own() -> None:
    """Their own, and the study's for the others."""
    arms = (Arm.NOTHING.value, AblationArm.HANDOFF_4000.value)
    plan = planned(UsingReader(), arms=arms, projects=2, budget=600, hypotheses=())
    half = most_calls(plan) // 2
    assert most_tokens(plan) == half * (600 + plan.max_tokens) + half * (4000 + plan.max_tokens)


class PartReader(UsingReader):
    """Uses one part of what it is given, and nothing else."""

    def __init__(self, part: str) -> None:
        super().__init__(name=f"scripted/{part}")
        object.__setattr__(self, "part", part)

    def choose(self, context: str, request: str, choices: Choices, seed: int) -> dict[str, str]:
        """As the port says."""
        own = parts(context).get(self.part, "")  # type: ignore[attr-defined]
        facts = "" if "<shiftbook:" in context else context
        return dict(super().choose(own or facts, request, choices, seed))


@pytest.mark.parametrize(("arm", "part"), NAMES.items())
def test_a_reader_of_one_tier_does_worse_without_that_tier_alone(tmp_path: Path, arm: AblationArm, part: str) -> None:
    """Without the others it answers as with all of them, item by item."""
    ablation = ABLATIONS["tiers"]
    words = {"arms": tuple(map(str, ablation.arms)), "hypotheses": ablation.hypotheses, "budget": 2000}
    plan = planned(PartReader(part), items="all", projects=4, instances=1, **words)
    assert read_plan(write_plan(plan, tmp_path / "plan").parent) == plan
    records = run_study(plan, PartReader(part), tmp_path)
    right = {name: {one.item: one.answer for one in records if one.arm == name} for name in map(str, ablation.arms)}
    same = {other for other in NAMES if right[other] == right[Arm.HANDOFF]}
    assert same == set(NAMES) - {arm}
    differences = {one.second: one.counts.difference for one in judge(plan, records).hypotheses}
    assert differences.pop(arm) > 0
    assert set(differences.values()) == {0.0}


def test_a_reader_of_everything_does_not_care_for_the_order(tmp_path: Path) -> None:
    """One that takes the last word does; this one looks for what counts wherever it stands."""
    ablation = ABLATIONS["order"]
    words = {"arms": tuple(map(str, ablation.arms)), "hypotheses": ablation.hypotheses, "budget": 2000}
    reader = PartReader("briefing")
    records = run_study(planned(reader, projects=3, instances=1, **words), reader, tmp_path)
    said = {arm: {one.item: one.answer for one in records if one.arm == arm} for arm in words["arms"]}
    assert said[Arm.HANDOFF] == said[AblationArm.REVERSED]
    assert said[Arm.HANDOFF] != said[Arm.NOTHING]
