"""The verdicts: which of the planned hypotheses hold, and what are signs of how a reader treats what it is given?

A hypothesis holds if the exact test over whole projects, corrected for all that were planned, is at most alpha, the
first arm is the better one, and the study is whole. McNemar's test over single pairs, which takes items and instances
for independent, and the intervals are told beside it and decide nothing. Signs are no results: whether a reader uses
its context, takes what was superseded, or believes what is about something else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from orchestrator.continuity.arm_measures import paired
from orchestrator.continuity.arms import Arm
from orchestrator.continuity.statistics.cluster_bootstrap import cluster_interval
from orchestrator.continuity.statistics.multiple_tests import holm_adjusted
from orchestrator.continuity.statistics.paired_test import (
    EffectInterval,
    PairCounts,
    count_pairs,
    mcnemar_p_value,
    newcombe_interval,
)
from orchestrator.continuity.statistics.sign_flip import sign_flip_p_value
from orchestrator.continuity.study_plan import StudyHypothesis, StudyPlan
from orchestrator.continuity.trial import TASK, TrialRecord

Outcome = Callable[[TrialRecord], bool | None]


@dataclass(frozen=True, kw_only=True)
class ArmComparison:
    """Two arms side by side: the p-value over projects, alone and corrected; that over pairs; intervals."""

    name: str
    first: str
    second: str
    counts: PairCounts
    p_value: float
    """Of the sign-flip test over projects, before the correction."""
    adjusted: float
    pairs_p_value: float
    """McNemar's, as if every pair were independent of every other: it decides nothing."""
    interval: EffectInterval
    by_project: EffectInterval
    projects: int

    def holds(self, alpha: float) -> bool:
        """Whether the first arm is better, by more than chance would have it."""
        return self.adjusted <= alpha and self.counts.difference > 0


@dataclass(frozen=True, kw_only=True)
class StudyVerdicts:
    """What a study says. `whole` is whether every planned trial was made; without that nothing is a result."""

    done: int
    planned: int
    missing: int
    hypotheses: tuple[ArmComparison, ...]
    control: ArmComparison | None
    """The oracle against nothing."""
    signs: tuple[ArmComparison, ...]

    @property
    def whole(self) -> bool:
        """Whether all trials were made, and no others."""
        return not self.missing and self.done == self.planned

    def results(self, alpha: float) -> tuple[ArmComparison, ...]:
        """The hypotheses that hold."""
        return tuple(one for one in self.hypotheses if self.whole and one.holds(alpha))


def judge(plan: StudyPlan, records: Sequence[TrialRecord]) -> StudyVerdicts:
    """The verdicts on the answers so far."""
    planned = {one.name: (one.first, one.second, _outcome(one)) for one in plan.hypotheses}
    tested = frozenset(one.name for one in plan.hypotheses if plan.power.get(one.name) != 0)
    control = _compare(plan, records, {"the facts help": (Arm.ORACLE, Arm.NOTHING, _right)})
    signs: dict[str, tuple[str, str, Outcome]] = {
        "uses the facts": (Arm.ORACLE, Arm.NOTHING, _right),
        "takes what was superseded": (Arm.HANDOFF, Arm.NOTHING, lambda one: one.superseded),
        "believes what is of another project": (Arm.PLACEBO, Arm.NOTHING, lambda one: one.foreign),
    }
    return StudyVerdicts(
        done=len(records),
        planned=len(plan.trials()),
        missing=len({one.ident for one in plan.trials()} - {one.ident for one in records}),
        hypotheses=_compare(plan, records, planned, tested),
        control=control[0] if control else None,
        signs=_compare(plan, records, signs),
    )


def _right(record: TrialRecord) -> bool:
    return record.right


def _outcome(hypothesis: StudyHypothesis) -> Outcome:
    """What a hypothesis is judged by, None of the items that it is not about."""
    wanted = {"all": (True, False), "tasks": (True,), "questions": (False,)}[hypothesis.of]

    def outcome(record: TrialRecord) -> bool | None:
        if (record.kind == TASK) not in wanted:
            return None
        return record.built if hypothesis.outcome == "built" else record.right

    return outcome


def _compare(
    plan: StudyPlan,
    records: Sequence[TrialRecord],
    named: Mapping[str, tuple[str, str, Outcome]],
    tested: frozenset[str] | None = None,
) -> tuple[ArmComparison, ...]:
    """Each pair of arms, corrected for all of them together; those without a pair count as not found.

    Those that are not `tested`, because the plan said that they could not be found, cost the others nothing.
    """
    pairs = {name: paired(records, *how) for name, how in named.items()}
    counts = {name: count_pairs(pair for ones in found.values() for pair in ones) for name, found in pairs.items()}
    alone = {name: sign_flip_p_value(_project_sums(found)) for name, found in pairs.items()}
    adjusted = dict.fromkeys(named, 1.0) | holm_adjusted(
        {name: p for name, p in alone.items() if tested is None or name in tested}
    )
    return tuple(
        ArmComparison(
            name=name,
            first=str(first),
            second=str(second),
            counts=counts[name],
            p_value=alone[name],
            adjusted=adjusted[name],
            pairs_p_value=mcnemar_p_value(counts[name]),
            interval=newcombe_interval(counts[name]),
            by_project=cluster_interval(
                [[float(a) - float(b) for a, b in ones] for ones in pairs[name].values()], seed=plan.seed
            ),
            projects=len(pairs[name]),
        )
        for name, (first, second, _) in named.items()
    )


def _project_sums(found: Mapping[str, Sequence[tuple[bool, bool]]]) -> list[int]:
    return [sum(int(first) - int(second) for first, second in ones) for ones in found.values()]
