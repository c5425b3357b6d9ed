"""Did two arms differ, of which each pair of trials has the same item, instance and seed? The paired test is exact.

Only pairs that came out differently say anything; under the null each of them is a fair coin (McNemar). The interval of
the difference is Newcombe's tenth (1998), which stays within -1 and 1 and has a width also where no pair differs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binom, binomtest


@dataclass(frozen=True, kw_only=True)
class EffectInterval:
    """A difference of two shares (first minus second), and between what it lies with the stated confidence."""

    estimate: float
    low: float
    high: float
    confidence: float = 0.95

    @property
    def excludes_zero(self) -> bool:
        """Whether it says which of the two arms is better."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True, kw_only=True)
class PairCounts:
    """How many pairs came out how: both arms succeeded, only one of them, neither."""

    both: int
    only_first: int
    only_second: int
    neither: int

    @property
    def pairs(self) -> int:
        """All of them."""
        return self.both + self.only_first + self.only_second + self.neither

    @property
    def difference(self) -> float:
        """The first arm's share of successes less the second's; 0.0 without pairs."""
        return (self.only_first - self.only_second) / self.pairs if self.pairs else 0.0


def count_pairs(pairs: Iterable[tuple[bool, bool]]) -> PairCounts:
    """The pairs (first arm succeeded, second arm succeeded), counted."""
    counted = {(True, True): 0, (True, False): 0, (False, True): 0, (False, False): 0}
    for first, second in pairs:
        counted[bool(first), bool(second)] += 1
    return PairCounts(
        both=counted[True, True],
        only_first=counted[True, False],
        only_second=counted[False, True],
        neither=counted[False, False],
    )


def mcnemar_p_values(only_first: ArrayLike, only_second: ArrayLike) -> NDArray[np.float64]:
    """The exact two-sided p-value of each study with so many pairs that only one arm solved; 1.0 where none differs."""
    first, second = np.asarray(only_first), np.asarray(only_second)
    doubled = 2 * binom.cdf(np.minimum(first, second), first + second, 0.5)
    return np.asarray(np.minimum(doubled, 1.0), dtype=np.float64)


def mcnemar_p_value(counts: PairCounts) -> float:
    """The exact two-sided p-value of one study."""
    return float(mcnemar_p_values(counts.only_first, counts.only_second))


def newcombe_interval(counts: PairCounts, confidence: float = 0.95) -> EffectInterval:
    """The difference of the arms' shares with its interval; the whole range where there is no pair."""
    n, difference = counts.pairs, counts.difference
    if not n:
        return EffectInterval(estimate=0.0, low=-1.0, high=1.0, confidence=confidence)
    first, second = counts.both + counts.only_first, counts.both + counts.only_second
    p, q = first / n, second / n
    (p_low, p_high), (q_low, q_high) = (
        binomtest(solved, n).proportion_ci(confidence, method="wilson") for solved in (first, second)
    )
    phi = _correlation(counts, first, second)

    def reach(mine: float, theirs: float) -> float:
        return sqrt(max(0.0, mine**2 - 2 * phi * mine * theirs + theirs**2))

    low, high = difference - reach(p - p_low, q_high - q), difference + reach(p_high - p, q - q_low)
    return EffectInterval(estimate=difference, low=max(-1.0, low), high=min(1.0, high), confidence=confidence)


def _correlation(counts: PairCounts, first: int, second: int) -> float:
    """How the arms' outcomes go together, with Newcombe's correction towards 0 where they do."""
    n = counts.pairs
    margins = first * (n - first) * second * (n - second)
    if not margins:
        return 0.0
    joint = counts.both * counts.neither - counts.only_first * counts.only_second
    return (max(joint - n / 2, 0.0) if joint > 0 else joint) / sqrt(margins)
