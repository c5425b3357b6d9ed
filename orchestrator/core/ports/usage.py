"""What usage is booked, by whom and for what?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from orchestrator.core.ports.model import Usage


@dataclass(frozen=True, kw_only=True)
class UsageOwner:
    """Whose usage it is. A chat's turn is a run too: `mission` its conversation, `epoch` the turn's seq."""

    node: str
    mission: str
    epoch: int
    attempt: int
    agent: str
    project: str = ""


@dataclass(frozen=True, kw_only=True)
class UsageTotals:
    """Sums over some runs. `unpriced` runs have no known cost."""

    runs: int
    tokens_in: int
    tokens_out: int
    tokens_cached: int
    seconds: float
    cost_usd: float
    unpriced: int


@dataclass(frozen=True, kw_only=True)
class Spend:
    """What one node spent in one day (UTC) on one project with one agent and model; empty words are none."""

    day: date
    node: str
    project: str
    agent: str
    model: str
    totals: UsageTotals


class UsageBook(Protocol):
    """What has been used, by whom, for what."""

    def record(self, run: UsageOwner, usage: Usage, *, when: datetime) -> bool:
        """Notes what a run took; returns False, and changes nothing, when that run was noted before."""

    def by_project(self, *, since: datetime) -> Mapping[str, UsageTotals]:
        """Totals by project; runs without one are under an empty name."""

    def by_mission(self, *, since: datetime) -> Mapping[str, UsageTotals]:
        """Totals by mission, over all its attempts on all nodes that this database knows of."""

    def spent(self, *, since: datetime) -> tuple[Spend, ...]:
        """Totals by day, node, project, agent and model, in that order."""
