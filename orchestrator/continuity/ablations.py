"""Which part of a handoff does what? Ablations: arms and hypotheses for one question each, decided beforehand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from orchestrator.continuity.ablation_arms import AblationArm
from orchestrator.continuity.arms import Arm, StudyArm
from orchestrator.continuity.study_plan import StudyHypothesis


@dataclass(frozen=True, kw_only=True)
class Ablation:
    """A study of one question. `items`: what is asked in it. `budget` is its tokens where the plan says none."""

    asks: str
    arms: tuple[StudyArm, ...]
    hypotheses: tuple[StudyHypothesis, ...]
    items: str = "all"
    budget: int = 600


def _better(
    first: StudyArm, second: StudyArm, name: str, *, of: str = "all", outcome: str = "right"
) -> StudyHypothesis:
    return StudyHypothesis(name=name, first=first, second=second, of=of, outcome=outcome)


# The oracle against nothing, which each has, checks the study itself.
_CONTROL: tuple[StudyArm, ...] = (Arm.NOTHING, Arm.ORACLE)
ABLATIONS: Mapping[str, Ablation] = {
    "tiers": Ablation(
        asks="what each tier adds, the others being as they are",
        arms=(*_CONTROL, Arm.HANDOFF, AblationArm.NO_RULES, AblationArm.NO_BRIEFING, AblationArm.NO_LOG),
        hypotheses=(
            _better(Arm.HANDOFF, AblationArm.NO_RULES, "standing rules add to a handoff"),
            _better(Arm.HANDOFF, AblationArm.NO_BRIEFING, "the briefing adds to a handoff"),
            _better(Arm.HANDOFF, AblationArm.NO_LOG, "the newest entries add to a handoff"),
        ),
        budget=1000,
    ),
    "order": Ablation(
        asks="whether the order of the tiers matters",
        arms=(*_CONTROL, Arm.HANDOFF, AblationArm.REVERSED),
        hypotheses=(_better(Arm.HANDOFF, AblationArm.REVERSED, "the product's order is better than the opposite"),),
        budget=1000,
    ),
    "briefing": Ablation(
        asks="whether a briefing says more than the raw log in as many tokens",
        arms=(*_CONTROL, AblationArm.BRIEFING, Arm.TAIL),
        hypotheses=(_better(AblationArm.BRIEFING, Arm.TAIL, "a briefing is better than the raw log"),),
    ),
    "budgets": Ablation(
        asks="what more tokens add: here arms have unequal many, which is the question",
        arms=(
            *_CONTROL,
            AblationArm.HANDOFF_500,
            AblationArm.HANDOFF_1000,
            AblationArm.HANDOFF_2000,
            AblationArm.HANDOFF_4000,
        ),
        hypotheses=(
            _better(AblationArm.HANDOFF_1000, AblationArm.HANDOFF_500, "1,000 tokens are better than 500"),
            _better(AblationArm.HANDOFF_2000, AblationArm.HANDOFF_1000, "2,000 tokens are better than 1,000"),
            _better(AblationArm.HANDOFF_4000, AblationArm.HANDOFF_2000, "4,000 tokens are better than 2,000"),
        ),
        budget=500,
    ),
    "action": Ablation(
        asks="whether a warning helps more at the action than at the start",
        arms=(*_CONTROL, Arm.MISPLACED, Arm.AFTER, Arm.REFUSED),
        hypotheses=(
            _better(
                Arm.AFTER,
                Arm.MISPLACED,
                "a warning with the result is better than at the start",
                of="tasks",
                outcome="built",
            ),
            _better(
                Arm.REFUSED,
                Arm.MISPLACED,
                "a warning by refusal is better than at the start",
                of="tasks",
                outcome="built",
            ),
        ),
        items="tasks",
    ),
}
