"""Agreement: do several instances, asked the same in several ways, give the same answer, and are all of them right?

Consistency is Krippendorff's alpha over nominal answers, with any of them missing; reliability is pass^k, the chance
that k instances out of those that were tried all succeed.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import comb, nan

import krippendorff
import numpy as np


def nominal_alpha(answers: Sequence[Sequence[str | None]]) -> float:
    """Krippendorff's alpha: one row an instance, one column a question, None for no answer.

    1 is full agreement, less than 0 disagreement by design. 0 is what chance gives where every question has the same
    answers to choose from; where each has its own, readers who guess come out above 0 (about 0.2 for four answers), so
    compare arms with each other and not with 0. Not a number where no question has two answers, or every answer is the
    same one: then nothing tells agreement from a reader that always says so.
    """
    codes = {
        word: code for code, word in enumerate(sorted({word for row in answers for word in row if word is not None}))
    }
    table = np.array([[nan if word is None else codes[word] for word in row] for row in answers], dtype=float)
    if not table.size:
        return nan
    table = table[:, (~np.isnan(table)).sum(axis=0) > 1]
    if len(np.unique(table[~np.isnan(table)])) < 2:
        return nan
    return float(krippendorff.alpha(reliability_data=table, level_of_measurement="nominal"))


def pass_hat_k(solved: Sequence[int], tried: int, k: int) -> float:
    """The mean over items of the chance that k of the tried instances all solve it, without bias.

    `solved` has, for each item, how many of its `tried` instances did. Raises ValueError for a k that was not tried.
    """
    if not 1 <= k <= tried or any(not 0 <= count <= tried for count in solved):
        raise ValueError(f"pass^{k} needs at least {k} instances of each item, and at most so many solved")
    return sum(comb(count, k) for count in solved) / (comb(tried, k) * len(solved)) if solved else nan
