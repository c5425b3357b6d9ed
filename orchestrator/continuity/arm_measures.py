"""How did each arm do, by measures that need no judge? Shares and counts over its trials, harm beside gain."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isnan

from orchestrator.continuity.arms import MEANS, Arm
from orchestrator.continuity.trial import GOAL, TASK, TrialRecord

Pairs = dict[str, list[tuple[bool, bool]]]
"""The pairs of two arms (first, second), by project."""


@dataclass(frozen=True, kw_only=True)
class ArmMeasures:
    """What an arm came to. None where no trial of it could show that."""

    arm: str
    trials: int
    questions_right: float | None
    tasks_right: float | None
    recovered: float | None
    """Of the decisions that count, those that the first action of a task got right."""
    built: float | None
    """Of the tasks, those that were built in the turns they had, rightly or not."""
    path_avoided: float | None
    """Of the tasks, those whose first action did not run into what the journal says fails."""
    repeated: float | None
    """Failures a task that the journal, or an earlier turn, had told of."""
    convention: float | None
    superseded: float | None
    """Of the trials where an older value was at hand, those that took it."""
    absence: float | None
    """Of the questions on what is not set, those that were answered so."""
    harm: float | None
    """Of all pairs with nothing, those that were right with nothing and wrong in this arm. Chance alone makes some: the
    placebo's share stands beside it."""
    gain: float | None
    """Of all pairs with nothing, those that were wrong with nothing and right in this arm."""
    unread: float | None
    """Of the trials, those without an answer that could be read."""
    alpha: float | None
    """Krippendorff's alpha of the answers over instances and wordings."""
    all_right: float | None
    """pass^k over all instances of an item."""
    calls: float
    tokens: float
    seconds: float
    warned: float


def measure_arms(records: Sequence[TrialRecord]) -> list[ArmMeasures]:
    """Each arm that has trials, in the order of `MEANS`."""
    by_arm: dict[str, list[TrialRecord]] = defaultdict(list)
    for record in records:
        by_arm[record.arm].append(record)
    nothing = {(one.item, one.instance): one.right for one in by_arm.get(Arm.NOTHING, ())}
    return [_measures(arm, by_arm[arm], nothing) for arm in map(str, MEANS) if arm in by_arm]


def paired(
    records: Iterable[TrialRecord], first: str, second: str, outcome: Callable[[TrialRecord], bool | None]
) -> Pairs:
    """The outcomes of two arms side by side, of those items and instances that have one in both."""
    found: dict[tuple[str, int], dict[str, tuple[str, bool]]] = defaultdict(dict)
    for record in records:
        if record.arm in {first, second} and (came := outcome(record)) is not None:
            found[record.item, record.instance][record.arm] = (record.project, came)
    pairs: Pairs = defaultdict(list)
    for _, arms in sorted(found.items()):
        if len(arms) == 2:
            pairs[arms[first][0]].append((arms[first][1], arms[second][1]))
    return dict(pairs)


def _measures(arm: str, records: Sequence[TrialRecord], nothing: Mapping[tuple[str, int], bool]) -> ArmMeasures:
    questions = [one for one in records if one.kind not in {TASK, GOAL}]
    tasks = [one for one in records if one.kind == TASK]
    beside = [(nothing[key], one.right) for one in records if (key := (one.item, one.instance)) in nothing]
    told = arm != Arm.NOTHING
    return ArmMeasures(
        arm=arm,
        trials=len(records),
        questions_right=_mean(one.right for one in questions),
        tasks_right=_mean(one.right for one in tasks),
        recovered=_mean(one.recovered for one in tasks),
        built=_mean(one.built for one in tasks),
        path_avoided=_mean(None if one.failed_path is None else not one.failed_path for one in tasks),
        repeated=_mean(one.repeated for one in tasks),
        convention=_mean(one.convention for one in tasks),
        superseded=_mean(one.superseded for one in records),
        absence=_mean(None if one.invented is None else one.right for one in records),
        harm=_mean(bare and not right for bare, right in beside) if told else None,
        gain=_mean(right and not bare for bare, right in beside) if told else None,
        unread=_mean(not one.answer for one in records),
        alpha=_alpha(questions),
        all_right=_all_right(records),
        calls=_mean(one.calls for one in records) or 0.0,
        tokens=_mean(one.context_tokens for one in records) or 0.0,
        seconds=_mean(one.seconds for one in records) or 0.0,
        warned=_mean(one.warned for one in records) or 0.0,
    )


def _mean(values: Iterable[float | None]) -> float | None:
    known = [float(value) for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _alpha(questions: Sequence[TrialRecord]) -> float | None:
    from orchestrator.continuity.statistics.agreement import nominal_alpha

    items = sorted({one.item for one in questions})
    given = {(one.instance, one.item): one.answer or None for one in questions}
    instances = sorted({one.instance for one in questions})
    found = nominal_alpha([[given.get((instance, item)) for item in items] for instance in instances])
    return None if isnan(found) else found


def _all_right(records: Sequence[TrialRecord]) -> float | None:
    from orchestrator.continuity.statistics.agreement import pass_hat_k

    solved: dict[str, list[bool]] = defaultdict(list)
    for one in records:
        solved[one.item].append(one.right)
    tried = max(map(len, solved.values()), default=0)
    whole = [sum(outcomes) for outcomes in solved.values() if len(outcomes) == tried]
    return pass_hat_k(whole, tried, tried) if tried > 1 else None
