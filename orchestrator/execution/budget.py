"""How much may an attempt still spend, when the mission, its project, the day and what else runs are counted in?

An attempt is stopped when a budget is reached. What is known of the day is this node's own database, what the other
nodes tell on their pages, and what the attempts that run here have taken so far.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from missions.agents.agent_names import is_paid_agent
from missions.mission import Mission
from orchestrator.core import pricing
from orchestrator.core.errors import StoreFailed
from orchestrator.core.ports.model import Usage
from orchestrator.ledger.snapshot import LedgerSnapshot

SpentByProject = Mapping[str, float]
"""USD by project; "" is none."""
SPENT_CACHE_SECONDS = 30.0
"""Seconds for which what the database said of the day is believed, while an attempt runs."""
MISSION_LIMIT = "the mission"
"""What the limit of the mission's own budget is of."""
NO_SPENDING: SpentByProject = {}


@dataclass(frozen=True, kw_only=True)
class BudgetLimit:
    """One budget. `before` says what was spent of it without the attempt that is watched."""

    what: str
    usd: float
    before: Callable[[], float]

    def reached(self, mine: float) -> str:
        """Why nothing more may be spent, in words; empty while there is something left."""
        spent = self.before() + mine
        return (
            f"budget of {self.what} reached: {format_usd(spent)} of {format_usd(self.usd)}" if spent >= self.usd else ""
        )


@dataclass(kw_only=True)
class BudgetMeter:
    """ports.Meter for one attempt. `paid`: its agent costs money, so that it is not even started without a budget."""

    limits: tuple[BudgetLimit, ...]
    paid: bool
    project: str
    price: Callable[[Usage], float | None]
    spent: float = 0.0
    unpriced_model: str = ""
    """A model that took tokens and of which nobody knows the price."""

    def note(self, usage: Usage) -> None:
        """Takes in what the attempt has taken so far, all in all."""
        cost = usage.cost_usd if usage.cost_usd is not None else self.price(usage)
        if cost is None and (usage.tokens_in or usage.tokens_out):
            self.unpriced_model = usage.model or "its model"
        self.spent = max(self.spent, cost or 0.0)

    def over(self) -> str:
        """Why the attempt must end now; empty while it may go on. One that costs nothing is never stopped."""
        if not self.paid and self.spent <= 0:
            return ""
        if self.unpriced_model and (why := self._no_price(self.unpriced_model)):
            return why
        return next((why for limit in self.limits if (why := limit.reached(self.spent))), "")

    @property
    def mission_usd(self) -> float | None:
        """The mission's own budget as it is now."""
        return next((limit.usd for limit in self.limits if limit.what == MISSION_LIMIT), None)

    def unpriced(self, model: str) -> str:
        """Why a model may not even be asked; empty if it may."""
        known = not model or self.price(Usage(model=model, tokens_in=1, tokens_out=1)) is not None
        return "" if known else self._no_price(model)

    def _no_price(self, model: str) -> str:
        if not (self.paid and self.limits):
            return ""
        why = pricing.missing() or f"no price is known for {model}"
        return f"budget of {self.limits[0].what} cannot be kept: {why}"


class SpendingSource(Protocol):
    """What a node knows of money. Any thread may ask."""

    def booked(self, since: datetime) -> SpentByProject:
        """What this node's own database has of attempts that ended since a moment (UTC). Raises StoreFailed."""

    def elsewhere(self, ledger: LedgerSnapshot, when: datetime) -> SpentByProject:
        """What the other nodes tell that they have spent on the day (UTC) of `when`; nothing where they do not."""

    def price(self, usage: Usage) -> float | None:
        """What some usage costs in USD; None where nobody knows its price."""


@dataclass(kw_only=True)
class BudgetTracker:
    """What this node knows of the fleet's spending. `now` is UTC, `clock` monotonic seconds. Any thread may ask."""

    now: Callable[[], datetime]
    clock: Callable[[], float]
    spending: SpendingSource
    _live: list[BudgetMeter] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _known: tuple[float, SpentByProject] | None = None

    def meter(self, ledger: LedgerSnapshot, mission: Mission) -> BudgetMeter:
        """The meter of an attempt that begins now. Give it to `settle` once the attempt is noted in the database."""
        meter = BudgetMeter(
            limits=(), paid=is_paid_agent(mission.worker), project=mission.about or "", price=self.spending.price
        )
        self.renew(meter, ledger, mission)
        with self._lock:
            self._live.append(meter)
        return meter

    def renew(self, meter: BudgetMeter, ledger: LedgerSnapshot, mission: Mission) -> None:
        """The budgets may have changed: from now on the meter keeps to those of `ledger` and `mission`."""
        meter.limits = (*mission_limits(ledger, mission), *self._day_limits(ledger, mission, meter))

    def settle(self, meter: object) -> None:
        """The attempt is over and in the database."""
        with self._lock:
            self._live = [one for one in self._live if one is not meter]
            self._known = None

    def day_budget_reason(self, ledger: LedgerSnapshot, mission: Mission) -> str:
        """Why a mission need not be taken now although it is queued: the day's money is spent. Empty if it may be.

        It stays in the queue: tomorrow is another day. A mission whose own budget is spent is parked when it is taken.
        """
        if not is_paid_agent(mission.worker):
            return ""
        limits = self._day_limits(ledger, mission, None)
        return next((f"the budget of {limit.what} is spent" for limit in limits if limit.reached(0.0)), "")

    def _day_limits(self, ledger: LedgerSnapshot, mission: Mission, mine: BudgetMeter | None) -> Iterator[BudgetLimit]:
        name, day = mission.about or "", ledger.charter.budget.day_usd
        part = ledger.charter.projects.get(name)
        project = part.budget_usd if part is not None else None
        others = self.spending.elsewhere(ledger, self.now()) if (day, project) != (None, None) else NO_SPENDING
        if day is not None:
            yield BudgetLimit(what="the day", usd=day, before=lambda: self._today(None, others, mine))
        if project is not None:
            what = f"{name} for the day"
            yield BudgetLimit(what=what, usd=project, before=lambda: self._today(name, others, mine))

    def _today(self, project: str | None, elsewhere: SpentByProject, mine: BudgetMeter | None) -> float:
        """USD spent today by all but `mine`; on one project, or on all."""
        with self._lock:
            live = [(one.project, one.spent) for one in self._live if one is not mine]
            everybody = [*self._booked_today().items(), *elsewhere.items(), *live]
        return sum(usd for name, usd in everybody if project in (None, name))

    def _booked_today(self) -> SpentByProject:
        at = self.clock()
        if self._known is None or at - self._known[0] >= SPENT_CACHE_SECONDS:
            midnight = self.now().replace(hour=0, minute=0, second=0, microsecond=0)
            try:
                self._known = (at, dict(self.spending.booked(midnight)))
            except StoreFailed:
                if self._known is None:
                    raise  # nothing may be spent of a budget that nobody can look up
        return self._known[1]


def mission_limits(ledger: LedgerSnapshot, mission: Mission) -> Iterator[BudgetLimit]:
    """The mission's own budget: what its file says, or fleet.toml for all. Earlier attempts have spent of it."""
    limit = mission.budget_usd if mission.budget_usd is not None else ledger.charter.budget.mission_usd
    if limit is not None:
        yield BudgetLimit(what=MISSION_LIMIT, usd=limit, before=lambda: mission.cost_usd or 0.0)


def format_usd(usd: float) -> str:
    """An amount for people: cents, and more places where it is less than one."""
    return f"${usd:.4f}" if 0 < usd < 0.01 else f"${usd:.2f}"
