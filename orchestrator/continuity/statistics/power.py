"""How likely does a study of so many pairs find a difference of that size, and how many pairs would it take?

The power of the exact paired test, over every number of pairs that may differ. No library has it, and approximations
are off by several points at the sizes that matter here.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from orchestrator.continuity.statistics.paired_test import mcnemar_p_values

MAX_PAIRS = 100_000


def mcnemar_power(pairs: int, *, difference: float, discordance: float, alpha: float) -> float:
    """The chance that the exact test of so many pairs has p <= alpha.

    `discordance` is the share of pairs that come out differently, `difference` the first arm's share of successes less
    the second's. Raises ValueError where no such study can be.
    """
    if pairs < 0 or not 0 < discordance <= 1 or abs(difference) > discordance or not 0 < alpha < 1:
        raise ValueError("a difference is at most the discordance, which is above 0 and at most 1")
    differing = np.arange(pairs + 1)
    critical = _critical_counts(differing, alpha)
    favour = (discordance + difference) / (2 * discordance)
    found = binom.cdf(critical, differing, favour) + binom.sf(differing - critical - 1, differing, favour)
    found = np.where(critical >= 0, np.minimum(found, 1.0), 0.0)
    return float(np.sum(binom.pmf(differing, pairs, discordance) * found))


def pairs_for_power(power: float, *, difference: float, discordance: float, alpha: float) -> int:
    """The fewest pairs from which on the power is reached (it saws a little with each pair more). Raises ValueError."""
    if difference == 0 or not 0 < power < 1:
        raise ValueError("no number of pairs shows a difference of 0")
    low, high = 0, 8
    while mcnemar_power(high, difference=difference, discordance=discordance, alpha=alpha) < power:
        low, high = high, high * 2
        if high > MAX_PAIRS:
            raise ValueError(f"it would take more than {MAX_PAIRS:,} pairs")
    while high - low > 1:
        middle = (low + high) // 2
        enough = mcnemar_power(middle, difference=difference, discordance=discordance, alpha=alpha) >= power
        low, high = (low, middle) if enough else (middle, high)
    return high


def _critical_counts(differing: NDArray[np.int64], alpha: float) -> NDArray[np.int64]:
    """For each number of differing pairs the largest smaller count that is significant; -1 where none is."""
    guess = binom.ppf(alpha / 2, differing, 0.5).astype(np.int64)
    for _ in range(2):  # the quantile is the first count that is reached or passed
        guess = np.where(
            (guess >= 0) & (mcnemar_p_values(np.maximum(guess, 0), differing - np.maximum(guess, 0)) > alpha),
            guess - 1,
            guess,
        )
    return np.asarray(guess, dtype=np.int64)
