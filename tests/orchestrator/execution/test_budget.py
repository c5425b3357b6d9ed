"""Is work stopped when its budget is reached, whoever has spent it?"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from missions.mission import Mission, Status
from orchestrator.core.errors import BrokenLedger, StoreFailed
from orchestrator.core.ports.agent import AgentJob, Outcome
from orchestrator.core.ports.model import Stop, Usage
from orchestrator.core.ports.usage import Spend, UsageTotals
from orchestrator.execution.budget import (
    SPENT_CACHE_SECONDS,
    BudgetLimit,
    BudgetMeter,
    BudgetTracker,
    SpentByProject,
    format_usd,
)
from orchestrator.ledger.config import fleet_toml
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.node import budget_and_disk
from orchestrator.workflow.spending import page_table
from tests.ledgers import FLEET, NOON, Keys, Scripted, Ticks, Town, working

BUDGETS = FLEET.format(trust="remote") + "budget_usd = 2.0\n[budget]\nmission_usd = 1.0\nday_usd = 5.0\n"


@dataclass
class Book:
    """A source of spending: what ended today, what others tell, what models cost."""

    spent: dict[str, float] = field(default_factory=dict)
    asked: list[datetime] = field(default_factory=list)
    broken: bool = False
    others: SpentByProject = field(default_factory=dict)
    prices: dict[str, float] = field(default_factory=dict)

    def elsewhere(self, _ledger: LedgerSnapshot, _when: datetime) -> SpentByProject:
        """What the others tell."""
        return self.others

    def price(self, usage: Usage) -> float | None:
        """What an agent says itself, or the test."""
        return usage.cost_usd if usage.cost_usd is not None else self.prices.get(usage.model)

    def booked(self, since: datetime) -> SpentByProject:
        """What ended since then."""
        self.asked.append(since)
        if self.broken:
            raise StoreFailed("here", "locked")
        return dict(self.spent)


@dataclass
class World:
    """A ledger with budgets and a node's purse."""

    ledger: LedgerSnapshot
    purse: BudgetTracker
    book: Book
    ticks: Ticks
    others: dict[str, float]


def world(fleet: str = BUDGETS) -> World:
    book, ticks, others = Book(), Ticks(), dict[str, float]()
    ledger = Town({"fleet.toml": fleet}).peer("n1").ledger()
    book.others = others
    purse = BudgetTracker(now=lambda: NOON, clock=ticks, spending=book)
    return World(ledger, purse, book, ticks, others)


def mission(**fields: object) -> Mission:
    return Mission(name="m", title="m", body="x", agent="claude", **fields)  # type: ignore[arg-type]


def cost(usd: float | None) -> Usage:
    return Usage(model="m", tokens_in=1, cost_usd=usd)


@given(st.floats(0.01, 100), st.lists(st.floats(0, 10), max_size=20), st.floats(0, 5))
def test_it_is_over_as_soon_as_the_limit_is_reached_and_not_before(
    limit: float, costs: list[float], before: float
) -> None:
    """Whatever the order of the notes: what counts is the most that was ever told."""
    meter = BudgetMeter(
        limits=(BudgetLimit(what="x", usd=limit, before=lambda: before),),
        paid=True,
        project="",
        price=lambda _usage: None,
    )
    most = 0.0
    for each in costs:
        meter.note(cost(each))
        most = max(most, each)
        assert bool(meter.over()) == (before + most >= limit)


def test_a_missions_own_budget_counts_its_earlier_attempts() -> None:
    """Its file's word goes before the fleet's; the reason names what was spent and the limit."""
    here = world()
    first = here.purse.meter(here.ledger, mission())
    first.note(cost(0.99))
    assert first.over() == ""
    first.note(cost(1.01))
    assert first.over() == "budget of the mission reached: $1.01 of $1.00"
    second = here.purse.meter(here.ledger, mission(cost_usd=0.9, budget_usd=3.0))
    second.note(cost(2.0))
    assert second.over() == ""
    second.note(cost(2.1))
    assert second.over() == "budget of the mission reached: $3.00 of $3.00"


def test_an_attempt_is_over_before_it_begins_where_all_is_spent() -> None:
    """Also where the budget is nothing at all; but what costs nothing is let through."""
    here = world()
    assert here.purse.meter(here.ledger, mission(cost_usd=1.0)).over()
    assert here.purse.meter(here.ledger, mission(budget_usd=0.0)).over()
    free = here.purse.meter(here.ledger, replace(mission(cost_usd=1.0), agent="command"))
    assert free.over() == ""
    free.note(cost(0.01))
    assert free.over()


def test_the_day_counts_the_database_the_others_and_what_runs_beside() -> None:
    """$5 a day: $2 booked here, $1 told by others, $1.50 by an attempt that still runs leave $0.50."""
    here = world()
    here.book.spent, here.others["shop"] = {"": 2.0}, 1.0
    beside = here.purse.meter(here.ledger, mission(budget_usd=50.0))
    beside.note(cost(1.5))
    meter = here.purse.meter(here.ledger, mission(budget_usd=50.0))
    meter.note(cost(0.49))
    assert (meter.over(), beside.over()) == ("", "")
    meter.note(cost(0.5))
    assert meter.over() == beside.over() == "budget of the day reached: $5.00 of $5.00"
    assert here.book.asked[-1] == datetime(2026, 11, 21, tzinfo=UTC)


def test_what_ended_is_counted_once() -> None:
    """While it runs by its meter, afterwards by the database."""
    here = world()
    first = here.purse.meter(here.ledger, mission(budget_usd=50.0))
    first.note(cost(4.0))
    second = here.purse.meter(here.ledger, mission(budget_usd=50.0))
    assert second.over() == ""
    here.book.spent = {"": 4.0}
    here.purse.settle(first)
    second.note(cost(0.9))
    assert second.over() == ""
    second.note(cost(1.0))
    assert second.over()


def test_a_project_has_a_day_of_its_own() -> None:
    """What other projects spent does not count."""
    here = world()
    here.book.spent = {"": 2.5, "shop": 1.0}
    shop = here.purse.meter(here.ledger, mission(project="shop", budget_usd=50.0))
    shop.note(cost(0.9))
    assert shop.over() == ""
    shop.note(cost(1.0))
    assert shop.over() == "budget of shop for the day reached: $2.00 of $2.00"
    assert here.purse.day_budget_reason(here.ledger, mission(project="shop")), "what runs beside counts"
    here.purse.settle(shop)
    assert here.purse.day_budget_reason(here.ledger, mission(project="shop")) == ""
    here.book.spent["shop"] = 2.0
    here.ticks.at += SPENT_CACHE_SECONDS
    assert (
        here.purse.day_budget_reason(here.ledger, mission(project="shop")) == "the budget of shop for the day is spent"
    )
    assert here.purse.day_budget_reason(here.ledger, mission()) == ""
    assert here.purse.day_budget_reason(here.ledger, replace(mission(project="shop"), agent="command")) == ""


def test_an_unknown_price_is_asked_for() -> None:
    """An agent that tells tokens alone is priced."""
    here = world()
    here.book.prices = {"known": 1.0}
    meter = here.purse.meter(here.ledger, mission())
    assert (meter.spent, meter.over()) == (0.0, "")
    meter.note(replace(cost(None), model="known"))
    assert meter.over()


def test_a_budget_is_not_trusted_to_a_model_without_a_price() -> None:
    """A paid agent whose model nobody knows a price of would never reach its budget: it is stopped and says why."""
    here = world()
    meter = here.purse.meter(here.ledger, Mission(name="a", title="A", body="", agent="codex"))
    meter.note(Usage(model="brand-new"))
    assert meter.over() == ""
    meter.note(Usage(model="brand-new", tokens_in=10))
    assert meter.over() == "budget of the mission cannot be kept: no price is known for brand-new"
    free = here.purse.meter(here.ledger, Mission(name="b", title="B", body="", agent="builtin"))
    free.note(Usage(model="brand-new", tokens_in=10))
    assert free.over() == ""


def test_a_model_without_a_price_may_not_be_asked_where_a_budget_is_kept() -> None:
    """It is said before the first call, of a paid agent, as long as there is a budget and the model is known."""
    here = world()
    here.book.prices = {"known": 1.0}
    meter = here.purse.meter(here.ledger, Mission(name="a", title="A", body="", agent="codex"))
    assert meter.unpriced("brand-new") == "budget of the mission cannot be kept: no price is known for brand-new"
    assert (meter.unpriced("known"), meter.unpriced("")) == ("", "")
    free = here.purse.meter(here.ledger, Mission(name="b", title="B", body="", agent="builtin"))
    assert free.unpriced("brand-new") == ""
    meter.limits = ()
    assert meter.unpriced("brand-new") == ""


def test_a_database_that_fails_does_not_open_the_purse() -> None:
    """What it said last holds; if it never said anything, nothing is spent."""
    here = world()
    here.book.broken = True
    meter = here.purse.meter(here.ledger, mission(budget_usd=50.0))
    with pytest.raises(StoreFailed):
        meter.over()
    here.book.broken, here.book.spent = False, {"": 4.0}
    meter.note(cost(0.9))
    assert meter.over() == ""
    here.book.broken = True
    here.ticks.at += SPENT_CACHE_SECONDS
    meter.note(cost(1.0))
    assert meter.over()


def test_without_budgets_nothing_is_asked_and_nothing_is_over() -> None:
    """The default fleet has no limit."""
    here = world(FLEET.format(trust="remote"))
    meter = here.purse.meter(here.ledger, mission())
    meter.note(cost(1e6))
    assert (meter.over(), here.book.asked) == ("", [])


@pytest.mark.parametrize(
    "line", ["day_usd = -1", "day_usd = nan", "day_usd = inf", 'mission_usd = "much"', "hour_usd = 1"]
)
def test_a_wrong_budget_is_told(line: str) -> None:
    """With the key that is wrong."""
    with pytest.raises(BrokenLedger, match=r"fleet.toml.*budget\."):
        fleet_toml.read(f"[budget]\n{line}\n".encode())


def row(node: str, day: datetime, usd: float) -> Spend:
    """What a node spent on the project `shop`."""
    totals = UsageTotals(runs=1, tokens_in=1, tokens_out=1, tokens_cached=0, seconds=1.0, cost_usd=usd, unpriced=0)
    return Spend(day=day.date(), node=node, project="shop", agent="claude", model="m", totals=totals)


def page(node: str, *rows: Spend) -> str:
    """A node's page with that."""
    return f"---\nnode: {node}\n---\n\n# {node}\n\n{page_table.render_table(rows)}"


def others_of_n1(**how: Any) -> budget_and_disk.SpendingRecords:
    """What n1 knows of the others; of its own database nothing is asked."""
    return budget_and_disk.SpendingRecords(node="n1", usage=None, **how)  # type: ignore[arg-type]


def test_others_spending_is_what_they_say_themselves(keys: Keys) -> None:
    """Whoever may push can write any page: to stop all that is paid, or to hide what was spent."""
    signers = keys.signers(anna=("admin", "author"), n1=("node",), n2=("node",), n3=("node",))
    town = Town({"fleet.toml": FLEET.format(trust="signed"), "allowed_signers": signers})
    reader, n2, n3 = (town.peer(name, key=keys[name]) for name in ("n1", "n2", "n3"))
    told = others_of_n1(own_page=reader.trust.own_page)
    n2.push({"heartbeats/n2.md": page("n2", row("n2", NOON, 1.5))})
    n3.push({"heartbeats/n3.md": page("n3", row("n3", NOON, 0.5))})
    assert told.elsewhere(reader.ledger(), NOON) == {"shop": 2.0}
    town.peer("x").push(
        {
            "heartbeats/n2.md": page("n2", row("n2", NOON, 900.0)),
            "heartbeats/n3.md": page("n3", row("n3", NOON, 0.0)),
            "heartbeats/n9.md": page("n9", row("n9", NOON, 900.0)),
        }
    )
    assert told.elsewhere(reader.ledger(), NOON) == {"shop": 2.0}
    n2.push({"heartbeats/n2.md": page("n2", row("n2", NOON, 2.5))})
    assert told.elsewhere(reader.ledger(), NOON) == {"shop": 3.0}
    assert told.elsewhere(reader.ledger(), NOON + timedelta(days=1)) == {}


def test_others_spending_is_read_from_their_pages_and_hostile_rows_are_not() -> None:
    """Of today and of others; a page that cannot be read says nothing."""
    pages = {
        "heartbeats/n1.md": page("n1", row("n1", NOON, 100.0)),
        "heartbeats/n2.md": page("n2", row("n2", NOON, 1.5), row("n2", NOON - timedelta(days=1), 7.0)),
        "heartbeats/n3.md": page("n3", row("n3", NOON, 0.25)),
        "heartbeats/n4.md": page("n4", row("n4", NOON, 3.0)).replace("3.0", "-300.0"),
        "heartbeats/n5.md": "\0 no page at all",
    }
    ledger = Town(pages).peer("n1").ledger()
    assert others_of_n1().elsewhere(ledger, NOON) == {"shop": 1.75}


def test_a_running_attempt_is_parked_when_its_budget_is_reached(tmp_path: Path) -> None:
    """The node gives the agent the meter, parks what it ends, and takes no paid mission while the day is spent."""
    town = Town({"fleet.toml": BUDGETS, "missions/m.md": "---\nagent: claude\nbudget_usd: 0.5\n---\nDo it.\n"})
    book, over, ticks = Book(), threading.Event(), Ticks()

    def spend(job: AgentJob, stop: Stop) -> Outcome:
        used = 0.0
        while not (why := job.meter.over()):
            used += 0.2
            job.meter.note(cost(used))
        over.set()
        return Outcome(ok=False, summary="Stopped.", error=why, parked=why, usage=cost(used))

    agent = Scripted(does=spend, name="claude")
    purse = BudgetTracker(now=town.clock, clock=ticks, spending=book)
    node = working(town.peer("n1"), tmp_path, agents={"claude": agent}, offered={"claude"}, ticks=ticks, budget=purse)
    node.settle()
    assert over.is_set()
    found = node.peer.ledger().open["m"].mission
    assert (found.status, found.cost_usd) == (Status.PARKED, pytest.approx(0.6))
    assert found.reason == "budget of the mission reached: $0.60 of $0.50"
    book.spent = {"": 5.0}
    purse.settle(None)
    town.peer("ada").push({"missions/n.md": "---\nagent: claude\n---\nDo that.\n"})
    node.settle()
    assert len(agent.jobs) == 1
    assert node.peer.ledger().open["n"].mission.status is Status.QUEUED
    assert ("budget", "n waits: the budget of the day is spent") in node.told
    book.spent = {}
    purse.settle(None)
    node.settle()
    assert len(agent.jobs) == 2


def test_a_mission_whose_budget_is_spent_is_parked_without_an_agent(tmp_path: Path) -> None:
    """It was resumed and nobody raised its budget: the agent is not asked."""
    file = "---\nagent: claude\nbudget_usd: 0.5\ncost_usd: 0.6\n---\nDo it.\n"
    town = Town({"missions/m.md": file})
    agent, ticks = Scripted(name="claude"), Ticks()
    purse = BudgetTracker(now=town.clock, clock=ticks, spending=Book())
    node = working(town.peer("n1"), tmp_path, agents={"claude": agent}, offered={"claude"}, ticks=ticks, budget=purse)
    node.settle()
    assert agent.jobs == []
    found = node.peer.ledger().open["m"].mission
    assert (found.status, found.reason) == (Status.PARKED, "budget of the mission reached: $0.60 of $0.50")
    assert found.cost_usd == 0.6


@pytest.mark.parametrize(("usd", "words"), [(0.0, "$0.00"), (0.004, "$0.0040"), (0.01, "$0.01"), (12.345, "$12.35")])
def test_amounts_for_people(usd: float, words: str) -> None:
    """Less than a cent is not nothing."""
    assert format_usd(usd) == words
