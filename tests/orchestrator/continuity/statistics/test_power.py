"""Power beforehand: beside every outcome counted one by one, beside simulation, and as it is used."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.continuity.statistics.paired_test import mcnemar_p_values
from orchestrator.continuity.statistics.power import mcnemar_power, pairs_for_power


def counted(pairs: int, difference: float, discordance: float, alpha: float) -> float:
    """The sum of the chances of all outcomes that are significant."""
    first, second = (discordance + difference) / 2, (discordance - difference) / 2
    total = 0.0
    for a in range(pairs + 1):
        for b in range(pairs + 1 - a):
            if float(mcnemar_p_values(a, b)) <= alpha:
                ways = comb(pairs, a) * comb(pairs - a, b)
                total += ways * first**a * second**b * (1 - discordance) ** (pairs - a - b)
    return total


@pytest.mark.parametrize(
    ("pairs", "difference", "discordance", "alpha"), [(9, 0.4, 0.6, 0.05), (14, -0.3, 0.5, 0.1), (12, 0.5, 0.5, 0.01)]
)
def test_it_is_the_sum_over_all_outcomes(pairs: int, difference: float, discordance: float, alpha: float) -> None:
    """Each outcome of a small study counted by itself gives the same."""
    found = mcnemar_power(pairs, difference=difference, discordance=discordance, alpha=alpha)
    assert found == pytest.approx(counted(pairs, difference, discordance, alpha), abs=1e-9)


@settings(max_examples=40)
@given(
    pairs=st.integers(0, 300),
    discordance=st.floats(0.05, 1.0),
    alpha=st.sampled_from([0.001, 0.01, 0.05, 0.2]),
)
def test_without_a_difference_it_is_at_most_alpha(pairs: int, discordance: float, alpha: float) -> None:
    """The test is exact: it never finds too much."""
    assert mcnemar_power(pairs, difference=0, discordance=discordance, alpha=alpha) <= alpha + 1e-9


@settings(max_examples=40)
@given(pairs=st.integers(1, 200), discordance=st.floats(0.1, 1.0), share=st.floats(0, 0.9))
def test_the_direction_does_not_matter_and_size_does(pairs: int, discordance: float, share: float) -> None:
    """A difference and its mirror are found as often, a larger one at least as often."""
    given_ = {"discordance": discordance, "alpha": 0.05}
    small = mcnemar_power(pairs, difference=share * discordance, **given_)
    assert small == pytest.approx(mcnemar_power(pairs, difference=-share * discordance, **given_), abs=1e-9)
    assert mcnemar_power(pairs, difference=(share + 0.1) * discordance, **given_) >= small - 1e-9


def test_ten_points_take_about_as_many_pairs_as_the_textbook_says() -> None:
    """The usual approximation is 155 pairs at a discordance of 0.2 and 194 at 0.25; the exact test takes a few more."""
    for discordance, approximate in ((0.2, 155), (0.25, 194)):
        found = pairs_for_power(0.8, difference=0.1, discordance=discordance, alpha=0.05)
        assert approximate <= found <= approximate * 1.12
        assert mcnemar_power(found, difference=0.1, discordance=discordance, alpha=0.05) >= 0.8


def test_a_simulated_study_finds_it_as_often_as_planned() -> None:
    """20,000 studies of 120 pairs, within two points of the plan."""
    chance = np.random.default_rng(11)
    drawn = chance.multinomial(120, [0.22, 0.08, 0.70], size=20_000)
    found = float(np.mean(mcnemar_p_values(drawn[:, 0], drawn[:, 1]) <= 0.05))
    assert found == pytest.approx(mcnemar_power(120, difference=0.14, discordance=0.3, alpha=0.05), abs=0.02)


@pytest.mark.parametrize(
    ("difference", "discordance", "alpha"), [(0.3, 0.2, 0.05), (0.1, 0.0, 0.05), (0.1, 1.2, 0.05), (0.1, 0.2, 0.0)]
)
def test_a_study_that_cannot_be_is_refused(difference: float, discordance: float, alpha: float) -> None:
    """A difference above the discordance, no discordance, no alpha."""
    with pytest.raises(ValueError, match="discordance"):
        mcnemar_power(10, difference=difference, discordance=discordance, alpha=alpha)


def test_no_number_of_pairs_shows_nothing() -> None:
    """And a difference too small for any study that could be run is said to be."""
    with pytest.raises(ValueError, match="difference of 0"):
        pairs_for_power(0.8, difference=0, discordance=0.2, alpha=0.05)
    with pytest.raises(ValueError, match="more than"):
        pairs_for_power(0.8, difference=0.0001, discordance=0.9, alpha=0.05)
