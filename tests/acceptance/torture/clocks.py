"""Which time does a node believe it is? A wrong clock of its own, which can fall back while the node runs.

libfaketime reads how wrong it is from a file. What the node wrote with it is turned back into true seconds: an episode
is shorter than an hour, so no moment is told twice.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
SLACK = 3.0
"""Seconds: libfaketime looks at the file once a second, and records tell whole seconds."""


@dataclass(kw_only=True)
class WrongClock:
    """One node's clock: how wrong it is, since when."""

    file: Path
    wrong: timedelta = timedelta(0)
    _since: list[tuple[float, timedelta]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._set(self.wrong)

    def _set(self, wrong: timedelta) -> None:
        fresh = self.file.with_suffix(".new")
        fresh.write_text(f"{wrong.total_seconds():+.0f}\n", encoding="ascii")
        fresh.replace(self.file)
        self.wrong = wrong
        self._since.append((time.time(), wrong))

    def fall(self, by: timedelta = timedelta(hours=1)) -> None:
        """It is set back, as by a hand or by one that knows no time zones."""
        self._set(self.wrong - by)

    @property
    def environment(self) -> dict[str, str]:
        """What makes a process believe it; nothing where libfaketime is not installed."""
        if not FAKETIME:
            return {}
        return {
            "LD_PRELOAD": str(FAKETIME),
            "FAKETIME_TIMESTAMP_FILE": str(self.file),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }

    def true_seconds(self, told: datetime) -> float:
        """When it really was as this clock told that time."""
        if not FAKETIME:
            return told.timestamp()
        ends = [since for since, _ in self._since[1:]] + [float("inf")]
        for (since, wrong), end in zip(self._since, ends, strict=True):
            true = (told - wrong).timestamp()
            if since - SLACK <= true <= end + SLACK:
                return true
        return (told - self._since[0][1]).timestamp()
