"""How much does a process hold: memory, threads, file descriptors? Measured while it works."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from statistics import median

import psutil

EVERY = 0.5
"""Seconds between two looks."""
ROOF = 0.10
"""By how much the memory may have grown."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One look. `done` is how many requests had been made; `rss` is in bytes."""

    done: int
    rss: int
    threads: int
    files: int


@dataclass(kw_only=True)
class Gauge:
    """Looks at a process until it is told to end."""

    process: psutil.Process
    done: int = 0
    """Set by whoever counts the requests."""
    samples: list[Sample] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)

    def look(self) -> Sample:
        """How it is now."""
        with self.process.oneshot():
            rss, threads = self.process.memory_info().rss, self.process.num_threads()
        return Sample(done=self.done, rss=rss, threads=threads, files=self.process.num_fds())

    def watch(self) -> None:
        """Goes on looking; for a thread."""
        while not self._over.wait(EVERY):
            self.samples.append(self.look())

    def end(self) -> None:
        """No more."""
        self._over.set()


def rss_of(samples: list[Sample], since: float, until: float) -> int:
    """The median memory in a part of what was measured, by requests made: 0 to 0.1 is the first tenth of them.

    Raises ValueError where nothing was measured.
    """
    if not samples:
        raise ValueError("nothing was measured")
    first, last = samples[0].done, samples[-1].done
    share = last - first
    part = [each.rss for each in samples if first + since * share <= each.done <= first + until * share]
    return round(median(part))


def grown(start: int, end: int) -> bool:
    """Whether the memory grew by more than it may."""
    return end > start * (1 + ROOF)
