"""How far would a difference move with other projects? A bootstrap that draws whole clusters, never single trials.

Trials of one project share its history and its words, so they are not independent; the projects are. With few of them
the interval is too narrow (below about twenty by a fifth), which whoever shows it says.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import bootstrap

from orchestrator.continuity.statistics.paired_test import EffectInterval

RESAMPLES = 4999
FEW_CLUSTERS = 20
"""Below so many clusters the interval is known to be too narrow."""


def cluster_interval(
    clusters: Sequence[Sequence[float]], *, seed: int, confidence: float = 0.95, resamples: int = RESAMPLES
) -> EffectInterval:
    """The mean of all differences (each -1, 0 or 1), and its percentile interval over redrawn clusters.

    The whole range from -1 to 1 where there are fewer than two clusters: one project says nothing of others.
    """
    kept = [cluster for cluster in clusters if cluster]
    sums, sizes = np.array([sum(one) for one in kept]), np.array([len(one) for one in kept])
    estimate = float(sums.sum() / sizes.sum()) if kept else 0.0
    if len(kept) < 2:
        return EffectInterval(estimate=estimate, low=-1.0, high=1.0, confidence=confidence)
    drawn = bootstrap(
        (sums, sizes),
        _pooled_mean,
        paired=True,
        vectorized=True,
        n_resamples=resamples,
        batch=max(1, 1_000_000 // len(kept)),
        confidence_level=confidence,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return EffectInterval(estimate=estimate, low=float(drawn.low), high=float(drawn.high), confidence=confidence)


def _pooled_mean(sums: NDArray[np.float64], sizes: NDArray[np.int64], axis: int = -1) -> NDArray[np.float64]:
    """The mean over all trials of the drawn clusters, whatever their sizes."""
    return np.asarray(sums.sum(axis=axis) / sizes.sum(axis=axis))
