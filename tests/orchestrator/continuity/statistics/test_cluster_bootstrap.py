"""The interval over projects: what it holds, and that it does hold it as often as it says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.continuity.statistics.cluster_bootstrap import cluster_interval

CLUSTERS = st.lists(st.lists(st.sampled_from([-1.0, 0.0, 1.0]), max_size=6), max_size=12)


@settings(max_examples=25)
@given(clusters=CLUSTERS, seed=st.integers(0, 2**32))
def test_it_is_the_mean_of_all_trials_and_the_same_each_time(clusters: list[list[float]], seed: int) -> None:
    """Whatever the sizes; the same seed gives the same interval, which lies within -1 and 1."""
    found = cluster_interval(clusters, seed=seed, resamples=99)
    every = [value for cluster in clusters for value in cluster]
    assert found.estimate == pytest.approx(sum(every) / len(every) if every else 0.0)
    assert -1 <= found.low <= found.high <= 1
    assert found == cluster_interval(clusters, seed=seed, resamples=99)


def test_one_project_says_nothing_of_others() -> None:
    """However many trials it has."""
    found = cluster_interval([[1.0] * 500], seed=1)
    assert (found.estimate, found.low, found.high) == (1.0, -1.0, 1.0)


def test_copies_of_a_trial_are_no_new_knowledge() -> None:
    """Ten times the trials in the same projects leave the interval as wide; so would bare trials not."""
    chance = np.random.default_rng(7)
    plain = [[float(value)] for value in chance.choice([-1, 0, 1], size=60)]
    once, often = (cluster_interval([one * times for one in plain], seed=3) for times in (1, 10))
    loose = cluster_interval([[value] for one in plain for value in one * 10], seed=3)
    assert once.high - once.low == pytest.approx(often.high - often.low)
    assert loose.high - loose.low < 0.5 * (often.high - often.low)


def covered(studies: int, projects: int) -> float:
    """The share of simulated studies, with trials that depend on their project, whose interval holds the truth."""
    chance, truth, hits = np.random.default_rng(20261130), 0.15, 0
    for _ in range(studies):
        shift = chance.normal(0, 0.15, size=(projects, 1))
        better = chance.random((projects, 5)) < 0.35 + shift
        worse = ~better & (chance.random((projects, 5)) < 0.3)
        clusters = (better.astype(float) - worse).tolist()
        truth = 0.35 - 0.65 * 0.3
        found = cluster_interval(clusters, seed=1, resamples=399)
        hits += found.low <= truth <= found.high
    return hits / studies


def test_it_holds_the_truth_as_often_as_it_says() -> None:
    """About 95 of 100 studies of 30 projects; short form."""
    assert covered(100, 30) >= 0.88


@pytest.mark.nightly
def test_it_holds_the_truth_as_often_as_it_says_in_a_thousand_studies() -> None:
    """Within two and a half points of what is stated."""
    assert 0.925 <= covered(1000, 40) <= 0.975
