"""How often does the instrument find what is not there, and does it find what is?

Simulated studies in which nothing is independent that is not so in life: projects are easy or hard, a project suits one
arm better than another, an item does, and the instances of an item are near copies. They are judged by the functions
that judge a study (the exact test over projects, Holm).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from orchestrator.continuity.statistics.multiple_tests import holm_adjusted
from orchestrator.continuity.statistics.paired_test import mcnemar_p_values
from orchestrator.continuity.statistics.sign_flip import sign_flip_p_value
from orchestrator.continuity.trial import TrialRecord
from orchestrator.continuity.verdicts import judge
from tests.orchestrator.continuity.readers import UsingReader
from tests.orchestrator.continuity.studies import planned, run_study

ARMS = ("handoff", "nothing", "placebo", "tail", "recalled")
AGAINST = ARMS[1:]
PROJECTS, ITEMS = 12, 9
Outcomes = NDArray[np.bool_]


def outcomes(chance: np.random.Generator, studies: int, instances: int, better: float = 0.0) -> dict[str, Outcomes]:
    """For each arm: study, project, item, instance. A project and an item have an ease of their own, and one more in
    each arm; the handoff solves `better` more."""
    shape = (studies, PROJECTS, ITEMS, 1)
    ease = chance.normal(0, 0.12, (studies, PROJECTS, 1, 1)) + chance.normal(0, 0.12, shape)
    made = {}
    for arm in ARMS:
        own = chance.normal(0, 0.12, (studies, PROJECTS, 1, 1)) + chance.normal(0, 0.3, shape)
        share = np.clip(0.45 + ease + own + (better if arm == "handoff" else 0.0), 0.0, 1.0)
        made[arm] = chance.random((*shape[:3], instances)) < share
    return made


def found_in(made: dict[str, Outcomes], study: int) -> dict[str, float]:
    """The corrected p-value of the handoff against each other arm."""
    first = made["handoff"][study].astype(int)
    sums = {arm: (first - made[arm][study]).sum((1, 2)).tolist() for arm in AGAINST}
    return holm_adjusted({arm: sign_flip_p_value(one) for arm, one in sums.items()})


def alarms(studies: int, instances: int, seed: int) -> float:
    """The share of studies without any difference in which at least one was found."""
    made = outcomes(np.random.default_rng(seed), studies, instances)
    return sum(min(found_in(made, study).values()) <= 0.05 for study in range(studies)) / studies


@pytest.mark.parametrize("instances", [1, 20])
def test_studies_of_nothing_find_something_in_one_of_twenty_at_most(instances: int) -> None:
    """The chance of any false alarm is at most 5 %, within the chance of 500 studies, whatever number of instances."""
    assert alarms(500, instances, seed=1) <= 0.05 + 0.02


def test_single_pairs_would_find_what_is_not_there() -> None:
    """The same studies with twenty instances, by McNemar's test over pairs: most of them would have a result."""
    made = outcomes(np.random.default_rng(1), 200, 20)
    first, second = made["handoff"], made["nothing"]
    alone = mcnemar_p_values((first & ~second).sum((1, 2, 3)), (~first & second).sum((1, 2, 3)))
    assert (alone <= 0.05).mean() > 0.3


def test_what_is_there_is_found() -> None:
    """A third more solved in every project is found nearly always."""
    made = outcomes(np.random.default_rng(2), 200, 2, better=0.33)
    assert sum(found_in(made, study)["nothing"] <= 0.05 for study in range(200)) / 200 > 0.9


def test_a_study_is_judged_as_the_simulated_ones_are(tmp_path: Path) -> None:
    """The verdict on a real study has the p-value of its projects' sums; copies of its answers change nothing."""
    plan = planned(UsingReader(), projects=3, instances=1)
    records = run_study(plan, UsingReader(), tmp_path)
    alone = {one.name: one.p_value for one in judge(plan, records).hypotheses}
    copies = [replace(one, instance=number) for one in records for number in range(20)]
    assert {one.name: one.p_value for one in judge(plan, copies).hypotheses} == alone
    assert set(alone.values()) == {0.25}  # three projects that all go one way
    assert all(one.pairs_p_value < 1e-9 for one in judge(plan, copies).hypotheses)
    assert [one.adjusted for one in judge(plan, _only(records, "x")).hypotheses] == [1.0, 1.0]


def _only(records: list[TrialRecord], project: str) -> list[TrialRecord]:
    return [one for one in records if one.project == project]


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(5))
def test_ten_thousand_studies(seed: int) -> None:
    """The long form: 5 % within the chance of so many, whatever the seed."""
    assert alarms(10_000, 5, seed=100 + seed) <= 0.057
