"""What came of a load run, in figures?"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from statistics import quantiles

from tests.acceptance.load.backend import Outage
from tests.acceptance.load.book import Book
from tests.acceptance.load.gauge import Sample

MIB = 1024 * 1024
SHOWN = 40


@dataclass(kw_only=True)
class Result:
    """One run. `rss` is at the start (after the warm-up), in the last tenth, and at most; bytes."""

    seed: int
    faults: list[str]
    book: Book
    requests: int
    seconds: float
    rss: tuple[int, int, int]
    before: Sample
    after: Sample
    outages: list[Outage]

    def lines(self) -> list[str]:
        """The summary."""
        start, end, most = self.rss
        health = [1000 * each for each in self.book.health]
        cuts = quantiles(health, n=100)
        away = ", ".join(f"{each.started - each.killed:.1f}+{each.over - each.started:.1f}" for each in self.outages)
        kept = sum(1 for asked in self.book.asked.values() if asked.told or asked.seq)
        states = sum(map(len, self.book.states.values()))
        return [
            *self._kinds(),
            f"{self.requests} requests after the warm-up in {self.seconds:.0f} s: {self.requests / self.seconds:.1f}/s",
            f"memory {start / MIB:.1f} MiB at the start, {end / MIB:.1f} at the end ({end / start - 1:+.1%}), "
            f"{most / MIB:.1f} at most",
            f"threads {self.before.threads} and {self.after.threads}, files {self.before.files} and {self.after.files}",
            f"/health of {len(health)}: p50 {cuts[49]:.1f} ms, p99 {cuts[98]:.1f} ms",
            f"the backend was killed {len(self.outages)} times (seconds away + until it was found again): {away}",
            f"acknowledged: {kept} messages of {len(self.book.asked)}, {len(self.book.pushed)} operations, "
            f"{states} states; {len(self.book.suspects)} times 503, all while the backend was away"
            + (f" but {len(self.book.unexcused())}" if self.book.unexcused() else ""),
            *self._faults(),
        ]

    def _kinds(self) -> list[str]:
        kinds: dict[str, dict[int, int]] = defaultdict(dict)
        for (kind, status), count in sorted(self.book.counts.items()):
            kinds[kind][status] = count
        return [
            f"  {kind:32} " + ", ".join(f"{status or 'cut'} x {count}" for status, count in each.items())
            for kind, each in kinds.items()
        ]

    def _faults(self) -> list[str]:
        more = len(self.faults) - SHOWN
        shown = [f"FAULT {each}" for each in self.faults[:SHOWN]]
        return [*shown, *([f"and {more} more"] if more > 0 else []), f"seed {self.seed}: {len(self.faults)} faults"]
