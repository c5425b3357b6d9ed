"""The exact paired test and its interval, beside integer arithmetic and published tables."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.continuity.statistics.paired_test import (
    PairCounts,
    count_pairs,
    mcnemar_p_value,
    mcnemar_p_values,
    newcombe_interval,
)

COUNTS = st.builds(
    PairCounts,
    both=st.integers(0, 60),
    only_first=st.integers(0, 60),
    only_second=st.integers(0, 60),
    neither=st.integers(0, 60),
)


def fair_coin(first: int, second: int) -> Fraction:
    """The two-sided chance that so many fair coins fall at least so unevenly."""
    tosses, fewer = first + second, min(first, second)
    return min(Fraction(1), 2 * sum(Fraction(comb(tosses, n), 2**tosses) for n in range(fewer + 1)))


def turned(counts: PairCounts) -> PairCounts:
    """The same study with its arms exchanged."""
    return PairCounts(
        both=counts.both, only_first=counts.only_second, only_second=counts.only_first, neither=counts.neither
    )


def test_the_p_value_is_that_of_fair_coins() -> None:
    """For every small study the same as integer arithmetic, in one call for all of them."""
    studies = np.array(list(product(range(25), repeat=2)))
    found = mcnemar_p_values(studies[:, 0], studies[:, 1])
    assert found == pytest.approx([float(fair_coin(int(a), int(b))) for a, b in studies], abs=1e-12)


def test_pairs_that_do_not_differ_say_nothing() -> None:
    """One against nine is 22/1024, whether ten or ten thousand other pairs agree; no differing pair is p = 1."""
    for same in (0, 10_000):
        assert mcnemar_p_value(PairCounts(both=same, only_first=1, only_second=9, neither=same)) == pytest.approx(
            22 / 1024
        )
    assert mcnemar_p_value(PairCounts(both=5, only_first=0, only_second=0, neither=5)) == 1.0
    assert mcnemar_p_values([], []).shape == (0,)


@pytest.mark.parametrize(
    ("table", "low", "high"),
    [
        ((14, 5, 0, 22), 0.011, 0.226),  # Altman, Statistics with Confidence, table 6.2
        ((1, 1, 7, 12), -0.507, -0.026),  # Fagerland and others, airway hyper-responsiveness
    ],
)
def test_the_interval_is_the_published_one(table: tuple[int, int, int, int], low: float, high: float) -> None:
    """Newcombe's tenth method on tables whose intervals are printed."""
    both, first, second, neither = table
    found = newcombe_interval(PairCounts(both=both, only_first=first, only_second=second, neither=neither))
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.0016)


@given(counts=COUNTS)
def test_an_interval_holds_its_estimate_and_turns_with_the_arms(counts: PairCounts) -> None:
    """It lies within -1 and 1 around the difference, and exchanging the arms mirrors it."""
    found, other = newcombe_interval(counts), newcombe_interval(turned(counts))
    assert -1 <= found.low <= found.estimate + 1e-12
    assert found.estimate - 1e-12 <= found.high <= 1
    assert (other.low, other.high) == pytest.approx((-found.high, -found.low), abs=1e-9)
    assert found.estimate == pytest.approx(counts.difference)


@given(counts=COUNTS)
def test_more_confidence_is_a_wider_interval(counts: PairCounts) -> None:
    """99 % holds all that 90 % holds."""
    wide, narrow = newcombe_interval(counts, 0.99), newcombe_interval(counts, 0.9)
    assert wide.low <= narrow.low + 1e-12
    assert narrow.high <= wide.high + 1e-12


@given(pairs=st.lists(st.tuples(st.booleans(), st.booleans())))
def test_counting_loses_no_pair(pairs: list[tuple[bool, bool]]) -> None:
    """Each pair is in one of the four counts, and the difference is that of the two sums."""
    counts = count_pairs(pairs)
    assert counts.pairs == len(pairs)
    successes = [sum(column) for column in zip(*pairs, strict=True)] or [0, 0]
    assert counts.difference * len(pairs) == pytest.approx(successes[0] - successes[1])


def test_no_pair_is_no_knowledge() -> None:
    """The interval of nothing is everything, and it excludes nothing."""
    found = newcombe_interval(count_pairs([]))
    assert (found.low, found.high, found.excludes_zero) == (-1.0, 1.0, False)
