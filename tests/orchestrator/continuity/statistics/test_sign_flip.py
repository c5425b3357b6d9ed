"""The test over whole projects: beside all flips counted one by one, and its power beside the test as it is used."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.continuity.statistics.sign_flip import projects_for_power, sign_flip_p_value, sign_flip_power

SIZE = {"difference": 0.2, "discordance": 0.4, "spread": 0.15, "alpha": 0.05}


@settings(max_examples=40)
@given(sums=st.lists(st.integers(-9, 9), max_size=9))
def test_it_is_the_share_of_all_flips_that_go_as_far(sums: list[int]) -> None:
    """Each of the 2^n assignments of signs, counted by itself, gives the same."""
    seen = abs(sum(sums))
    flips = [
        abs(sum(s * one for s, one in zip(signs, sums, strict=True))) for signs in product((1, -1), repeat=len(sums))
    ]
    assert sign_flip_p_value(sums) == pytest.approx(sum(far >= seen for far in flips) / len(flips))


def test_copies_of_a_pair_are_no_more_evidence() -> None:
    """A model that says the same twenty times: 20 equal pairs of a project say what one does."""
    assert sign_flip_p_value([20]) == sign_flip_p_value([1]) == 1.0
    assert sign_flip_p_value([20] * 3) == sign_flip_p_value([1] * 3) == 0.25


def test_many_projects_are_exact_too() -> None:
    """A hundred projects that all go one way: no simulation is between the test and its number."""
    assert sign_flip_p_value([3] * 100) == pytest.approx(2.0**-99)
    assert sign_flip_p_value([]) == sign_flip_p_value([0] * 50) == 1.0


def test_power_grows_with_projects_and_not_with_nothing() -> None:
    """Six projects cannot pass a level that 2^-5 is above; more of them do."""
    found = [sign_flip_power(projects, 18, **SIZE) for projects in (5, 8, 12, 24, 60)]
    assert found[0] == 0.0
    assert found == sorted(found)
    assert found[-1] > 0.95
    assert sign_flip_power(12, 18, **SIZE | {"difference": 0.0}) <= 0.07


def test_power_is_what_the_test_finds() -> None:
    """Other studies, drawn with another seed, are found as often as the plan says."""
    chance = np.random.default_rng(5)
    own = np.clip(chance.normal(0.2, 0.15, (1000, 12)), -0.4, 0.4)
    differing = chance.binomial(9, 0.4, own.shape)
    sums = 2 * chance.binomial(differing, (0.4 + own) / 0.8) - differing
    found = np.mean([sign_flip_p_value(row) <= 0.05 for row in sums.tolist()])
    assert sign_flip_power(12, 9, **SIZE) == pytest.approx(found, abs=0.05)


def test_projects_needed_have_the_power_and_fewer_have_not() -> None:
    """And a difference of nothing, or far too small a one, takes no number."""
    needed = projects_for_power(0.8, 18, **SIZE)
    assert sign_flip_power(needed, 18, **SIZE) >= 0.8 > sign_flip_power(needed - 2, 18, **SIZE)
    with pytest.raises(ValueError, match="difference of 0"):
        projects_for_power(0.8, 18, **SIZE | {"difference": 0.0})
    with pytest.raises(ValueError, match="more than"):
        projects_for_power(0.8, 1, **SIZE | {"difference": 0.001})


@pytest.mark.parametrize(
    "wrong", [{"difference": 0.5}, {"discordance": 0.0}, {"discordance": 1.2}, {"alpha": 0.0}, {"spread": -1.0}]
)
def test_a_study_that_cannot_be_is_refused(wrong: dict[str, float]) -> None:
    """A difference above the discordance, no discordance, no alpha, a spread below 0."""
    with pytest.raises(ValueError, match=r"discordance|spread"):
        sign_flip_power(10, 5, **SIZE | wrong)
