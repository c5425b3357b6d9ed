"""What is every arm of a study given, as one number that anybody can work out again? So that a plan fixes that, too."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace

from orchestrator.continuity.arms import ACTION_ARMS, ArmMaker, CountTokens, StudyArm, arm_of
from orchestrator.continuity.study_plan import StudyPlan


def arm_makers(plan: StudyPlan, count: CountTokens) -> dict[int, ArmMaker]:
    """Who makes the contexts of each project, by its number."""
    return {
        number: ArmMaker(
            history=history,
            placebo=plan.placebo(number),
            generation=plan.generation,
            budget=plan.budget,
            count=count,
        )
        for number, history in enumerate(plan.histories)
    }


def context_digests(plan: StudyPlan, makers: Mapping[int, ArmMaker]) -> dict[str, str]:
    """The sha256 of all that the instances of each arm are given before their first action."""
    return {arm: _digest(plan, arm_of(arm), makers) for arm in plan.arms}


def with_contexts(plan: StudyPlan, count: CountTokens) -> StudyPlan:
    """The plan with what each arm is given, as `count` counts."""
    return replace(plan, contexts=context_digests(plan, arm_makers(plan, count)))


def _digest(plan: StudyPlan, arm: StudyArm, makers: Mapping[int, ArmMaker]) -> str:
    found = hashlib.sha256()
    for part in _parts(plan, arm, makers):
        found.update(hashlib.sha256(part.encode("utf-8", "surrogatepass")).digest())
    return found.hexdigest()


def _parts(plan: StudyPlan, arm: StudyArm, makers: Mapping[int, ArmMaker]) -> Iterator[str]:
    numbers = plan.project_numbers
    if arm not in ACTION_ARMS:
        for question in plan.questions.values():
            for wording in question.wordings[: plan.instances]:
                yield from (wording, makers[numbers[question.item.partition("/")[0]]].context(arm, wording))
    for goal in plan.goals.values():
        yield from (goal.request, makers[numbers[goal.item.partition("/")[0]]].context(arm, goal.request))
    for task in plan.tasks.values():
        yield from (task.request, makers[numbers[task.history.name]].context(arm, task.request, task.commands))
