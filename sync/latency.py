"""How long does the remote take to answer? Its latency, as this machine has seen it lately.

Smoothed as TCP smooths its round trips (RFC 6298): a mean that follows, and how far answers stray from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

MEAN_SHARE, DEVIATION_SHARE, DEVIATIONS = 1 / 8, 1 / 4, 4.0
"""RFC 6298, section 2: the weight of one answer in the mean and in the deviation, and how many of those are waited."""


@dataclass(frozen=True, kw_only=True)
class Latency:
    """Seconds. `mean` is None before the first answer."""

    mean: float | None = None
    deviation: float = 0.0

    def after(self, seconds: float) -> Latency:
        """The same with one more answer, which took so long."""
        if self.mean is None:
            return Latency(mean=seconds, deviation=seconds / 2)
        strayed = abs(self.mean - seconds)
        return replace(
            self,
            mean=(1 - MEAN_SHARE) * self.mean + MEAN_SHARE * seconds,
            deviation=(1 - DEVIATION_SHARE) * self.deviation + DEVIATION_SHARE * strayed,
        )

    @property
    def bound(self) -> float | None:
        """Seconds in which almost every answer is there; None before the first."""
        return None if self.mean is None else self.mean + DEVIATIONS * self.deviation


@dataclass(kw_only=True)
class LatencyMeter:
    """One machine's. Any thread may time an answer: a value that two of them write at once loses one answer."""

    clock: Callable[[], float] = lambda: 0.0
    """Monotonic seconds."""
    latency: Latency = Latency()

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Counts what is asked inside, if it is answered: one that fails says nothing of how long answers take."""
        began = self.clock()
        yield
        self.answered(self.clock() - began)

    def answered(self, seconds: float) -> None:
        """Takes in one answer."""
        self.latency = self.latency.after(seconds)
