"""How often does the instrument find what is not there, and does it find what is as often as its plan says?

Simulated studies, with outcomes that depend on project and item as real ones do; they are judged by the same functions
(exact test, Holm) that judge a study, for all studies at once.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from orchestrator.continuity.statistics.multiple_tests import holm_adjusted
from orchestrator.continuity.statistics.paired_test import mcnemar_p_values
from orchestrator.continuity.statistics.power import mcnemar_power
from orchestrator.continuity.verdicts import judge
from tests.orchestrator.continuity.readers import UsingReader
from tests.orchestrator.continuity.studies import planned, run_study

ARMS = ("handoff", "nothing", "placebo", "tail", "recalled")
AGAINST = ARMS[1:]
PROJECTS, ITEMS = 12, 18
Outcomes = NDArray[np.bool_]


def outcomes(chance: np.random.Generator, studies: int, better: dict[str, float]) -> dict[str, Outcomes]:
    """For each arm: study, project, item. Easy and hard projects and items are so in every arm; an arm with a share
    solves so much more."""
    shape = (studies, PROJECTS, ITEMS)
    ease = chance.normal(0, 0.12, (studies, PROJECTS, 1)) + chance.normal(0, 0.12, shape)
    base = np.clip(0.4 + ease, 0.02, 0.98 - max(better.values(), default=0.0))
    return {arm: chance.random(shape) < base + better.get(arm, 0.0) for arm in ARMS}


def p_values(made: dict[str, Outcomes]) -> dict[str, NDArray[np.float64]]:
    """Of the handoff against each other arm, for every study."""
    first = made["handoff"]
    pairs = {arm: ((first & ~made[arm]).sum((1, 2)), (~first & made[arm]).sum((1, 2))) for arm in AGAINST}
    return {arm: mcnemar_p_values(*counted) for arm, counted in pairs.items()}


def corrected(found: dict[str, NDArray[np.float64]], study: int) -> dict[str, float]:
    return holm_adjusted({arm: float(values[study]) for arm, values in found.items()})


def false_alarms(studies: int, seed: int) -> float:
    """The share of studies without any difference in which at least one was found."""
    found = p_values(outcomes(np.random.default_rng(seed), studies, {}))
    return sum(min(corrected(found, study).values()) <= 0.05 for study in range(studies)) / studies


def found_as_planned(studies: int, seed: int) -> tuple[float, float]:
    """How often one true difference is found among others that are none, and the power of the plan for it."""
    made = outcomes(np.random.default_rng(seed), studies, {"handoff": 0.12, "placebo": 0.12, "tail": 0.12})
    made["recalled"] = made["tail"]
    found = p_values(made)
    hits = sum(corrected(found, study)["nothing"] <= 0.05 for study in range(studies)) / studies
    discordance = float((made["handoff"] ^ made["nothing"]).mean())
    difference = float(made["handoff"].mean() - made["nothing"].mean())
    pairs = PROJECTS * ITEMS
    return hits, mcnemar_power(pairs, difference=difference, discordance=discordance, alpha=0.05 / len(AGAINST))


def test_a_thousand_studies_of_nothing_find_something_in_fifty_at_most() -> None:
    """The chance of any false alarm in a study is at most 5 %: the exact test is on the safe side."""
    assert false_alarms(1000, seed=1) <= 0.05


def test_what_is_there_is_found_as_often_as_planned() -> None:
    """Within five points of the power that the plan states."""
    hits, power = found_as_planned(1000, seed=2)
    assert 0.4 < power < 0.95  # where power could be off at all
    assert hits == pytest.approx(power, abs=0.05)


def test_a_study_is_judged_as_the_simulated_ones_are(tmp_path: Path) -> None:
    """The verdicts on a real study have the p-values that the simulation would give its counts."""
    plan = planned(UsingReader(), projects=3)
    verdicts = judge(plan, run_study(plan, UsingReader(), tmp_path))
    alone = {
        one.name: float(mcnemar_p_values(one.counts.only_first, one.counts.only_second)) for one in verdicts.hypotheses
    }
    assert {one.name: one.p_value for one in verdicts.hypotheses} == alone
    assert {one.name: one.adjusted for one in verdicts.hypotheses} == holm_adjusted(alone)


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(10))
def test_ten_thousand_studies(seed: int) -> None:
    """The long form: neither false alarms nor power depend on the seed."""
    assert false_alarms(10_000, seed=100 + seed) <= 0.053
    hits, power = found_as_planned(10_000, seed=200 + seed)
    assert hits == pytest.approx(power, abs=0.05)
