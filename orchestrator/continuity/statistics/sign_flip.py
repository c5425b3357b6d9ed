"""Did two arms differ, where trials of one project are no independent pairs? A sign-flip test over whole projects.

Items and instances of a project share its history, and instances of one model are near copies of each other. So each
project counts once: under the null its difference (pairs that only the first arm solved less those that only the second
did) is as likely the one way as the other. The sums are whole numbers, so the test is exact for any number of projects.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

MAX_PROJECTS = 2000
_STUDIES, _EXACT_UP_TO = 1000, 30
_POWER_SEED = 20261130


def sign_flip_p_value(sums: Sequence[int]) -> float:
    """The exact two-sided p-value of the projects' differences; 1.0 where none differs."""
    steps = [abs(int(one)) for one in sums if one]
    reach = sum(steps)
    chance = np.zeros(2 * reach + 1)
    chance[reach] = 1.0
    for step in steps:
        flipped = np.zeros_like(chance)
        flipped[step:] += chance[:-step] / 2
        flipped[:-step] += chance[step:] / 2
        chance = flipped
    seen = abs(sum(map(int, sums)))
    tail = float(chance[reach + seen :].sum())
    return min(1.0, 2 * tail) if seen else 1.0


@lru_cache(maxsize=256)
def sign_flip_power(
    projects: int, items: int, *, difference: float, discordance: float, spread: float, alpha: float
) -> float:
    """The chance that the test over so many projects has p <= alpha, by simulation with a fixed seed.

    Each project has `items` pairs, an instance more of an item being no pair more, and a difference of its own: normal
    around `difference` with `spread` as standard deviation. Raises ValueError where no such study can be.
    """
    if projects < 0 or items < 0 or not 0 < discordance <= 1 or abs(difference) > discordance:
        raise ValueError("a difference is at most the discordance, which is above 0 and at most 1")
    if not 0 < alpha < 1 or spread < 0:
        raise ValueError("alpha is between 0 and 1, and the spread of projects at least 0")
    if not projects or not items:
        return 0.0
    chance = np.random.default_rng(_POWER_SEED)
    own = np.clip(chance.normal(difference, spread, (_STUDIES, projects)), -discordance, discordance)
    differing = chance.binomial(items, discordance, own.shape)
    sums = 2 * chance.binomial(differing, (discordance + own) / (2 * discordance)) - differing
    if projects > _EXACT_UP_TO:  # the test's own distribution is as good as normal by then
        size = np.sqrt(np.maximum((sums**2).sum(axis=1), 1))
        return float((np.abs(sums.sum(axis=1)) / size >= _normal_quantile(1 - alpha / 2)).mean())
    return float(np.mean([sign_flip_p_value(row) <= alpha for row in sums.tolist()]))


def projects_for_power(
    power: float, items: int, *, difference: float, discordance: float, spread: float, alpha: float
) -> int:
    """About the fewest projects whose power is that. Raises ValueError where no number has it."""
    if difference == 0 or not items or not 0 < power < 1:
        raise ValueError("no number of projects shows a difference of 0")

    def enough(projects: int) -> bool:
        found = sign_flip_power(
            projects, items, difference=difference, discordance=discordance, spread=spread, alpha=alpha
        )
        return found >= power

    low, high = 0, 2
    while not enough(high):
        low, high = high, high * 2
        if high > MAX_PROJECTS:
            raise ValueError(f"it would take more than {MAX_PROJECTS:,} projects")
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _normal_quantile(share: float) -> float:
    from statistics import NormalDist

    return NormalDist().inv_cdf(share)
