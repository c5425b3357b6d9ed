"""What has a running attempt taken so far? Its live figures, noted in its folder for whoever watches here."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from missions.one_line import printable
from missions.plain_data import read_json
from orchestrator.core.ports.agent import Meter
from orchestrator.core.ports.model import Usage
from sync import files

FIGURES_FILE = "figures.json"
NOTE_SECONDS = 1.0
"""Seconds between two notes of what an attempt has taken."""


@dataclass(frozen=True, kw_only=True)
class AttemptFigures:
    """What an attempt has taken by now, and when it began (seconds since 1970 on this machine)."""

    agent: str = ""
    began: float = 0.0
    cost_usd: float | None = None


@dataclass(kw_only=True)
class NotingMeter:
    """A meter that also notes in the attempt's folder what was taken, for people who watch. Any thread may call."""

    meter: Meter
    path: Path
    agent: str
    began: float
    clock: Callable[[], float] = time.monotonic
    _noted: float = -math.inf
    _cost: float | None = None

    def begin(self) -> None:
        """Notes that the attempt has begun. Raises OSError."""
        figures = AttemptFigures(agent=self.agent, began=self.began, cost_usd=self._cost)
        files.replace(self.path, json.dumps(asdict(figures)), durable=False)

    def note(self, usage: Usage) -> None:
        """Takes in what the attempt has taken so far."""
        self.meter.note(usage)
        now = self.clock()
        if usage.cost_usd == self._cost or now - self._noted < NOTE_SECONDS:
            return
        self._noted, self._cost = now, usage.cost_usd
        try:
            self.begin()
        except OSError:  # a full disk is told elsewhere; a figure that is not shown costs no attempt
            self._cost = None

    @property
    def mission_usd(self) -> float | None:
        """The mission's own budget."""
        return self.meter.mission_usd

    def over(self) -> str:
        """Why the attempt must end."""
        return self.meter.over()

    def unpriced(self, model: str) -> str:
        """Why a model may not be asked."""
        return self.meter.unpriced(model)


def read_figures(folder: Path) -> AttemptFigures:
    """What an attempt has noted; nothing where it has not."""
    try:
        read = read_json((folder / FIGURES_FILE).read_text(encoding="utf-8"))
        cost = read["cost_usd"]
        return AttemptFigures(
            agent=printable(str(read["agent"])),
            began=float(read["began"]),
            cost_usd=None if cost is None else float(cost),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return AttemptFigures()
