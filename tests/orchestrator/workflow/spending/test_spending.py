"""Do sums add up, do tables survive hostile nodes, and does a forecast say no more than is known?"""

from __future__ import annotations

import math
import random
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.core.ports.usage import Spend, UsageTotals
from orchestrator.workflow.spending import page_table, totals
from orchestrator.workflow.spending.forecast import forecast

TODAY = date(2026, 11, 21)
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def row(day: date = TODAY, usd: float = 1.0, *, unpriced: int = 0, **words: str) -> Spend:
    """One run of a day."""
    known = {"node": "desk", "project": "shop", "agent": "claude", "model": "m"} | words
    totals = UsageTotals(
        runs=1, tokens_in=10, tokens_out=5, tokens_cached=2, seconds=1.5, cost_usd=usd, unpriced=unpriced
    )
    return Spend(day=day, **known, totals=totals)


def test_sums_by_each_key() -> None:
    """Days come newest first, everything else the most expensive first."""
    rows = [row(), row(usd=5, project="site"), row(TODAY - timedelta(days=1), node="vps"), row(usd=0.5, model="n")]
    assert list(totals.totals_by(rows, "day")) == ["2026-11-21", "2026-11-20"]
    assert {name: each.cost_usd for name, each in totals.totals_by(rows, "project").items()} == {"site": 5, "shop": 2.5}
    assert list(totals.totals_by(rows, "node")) == ["desk", "vps"]
    assert totals.sum_totals(rows).cost_usd == 7.5
    assert totals.sum_totals([]) == totals.ZERO_TOTALS
    with pytest.raises(KeyError):
        totals.totals_by(rows, "mission")


def test_what_does_not_fit_is_told_by_day_and_nothing_is_lost() -> None:
    """The oldest days become one row each before any is left out."""
    rows = [row(TODAY - timedelta(days=n), project=f"p{p}") for n in range(5) for p in range(4)]
    shown = totals.fit_rows(rows, 11)
    assert len(shown) == 11
    assert totals.sum_totals(shown) == totals.sum_totals(rows)
    assert [each.project for each in shown[:3]] == ["", "", ""]
    assert len(totals.fit_rows(rows, 3)) == 3


NAMES = st.text(st.characters(categories=("L", "N", "P", "S")), max_size=60).map(lambda s: s.replace("|", "/").strip())
NUMBERS = st.integers(0, 10**12)


@given(st.lists(st.tuples(st.integers(0, 34), NAMES, NAMES, NAMES, NUMBERS, st.integers(0, 5)), max_size=40))
def test_a_table_is_read_as_it_was_written(found: list[tuple[int, str, str, str, int, int]]) -> None:
    """Whatever the names, a page gives back what was put into it."""
    rows = {}
    for ago, project, agent, model, tokens, unpriced in found:
        totals = UsageTotals(
            runs=7, tokens_in=tokens, tokens_out=1, tokens_cached=2, seconds=0.5, cost_usd=0.25, unpriced=unpriced
        )
        day = TODAY - timedelta(days=ago)
        rows[day, project, agent, model] = Spend(
            day=day, node="desk", project=project, agent=agent, model=model, totals=totals
        )
    told = page_table.parse_table(f"---\nnode: desk\n---\n\n{page_table.render_table(rows.values())}", "desk", TODAY)
    assert told.odd == 0
    assert set(told.rows) == set(rows.values())


LINE = "| 2026-11-21 | shop | claude | m | 1 | 2 | 0 | 3 | 1.5 | 0.250000 | 0 |"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("0.250000", "NaN"),
        ("0.250000", "inf"),
        ("0.250000", "-1"),
        ("0.250000", "1e9"),
        ("0.250000", "99999999"),
        ("| 1 | 2 |", "| 1 | -2 |"),
        ("| 1 | 2 |", f"| 1 | {'9' * 400} |"),
        ("| 1 | 2 |", "| 1 | 9999999999999999 |"),
        ("| 1 | 2 |", "| 1 | ٢ |"),
        ("| 1.5 |", "| 1.5.5 |"),
        ("| 0 |\n", "| 2 |\n"),
        ("2026-11-21", "2026-13-41"),
        ("2026-11-21", "2099-01-01"),
        ("2026-11-21", "2019-01-01"),
        ("| shop |", "| shop | x |"),
        ("| shop |", f"| {'x' * 2000} |"),
    ],
)
def test_a_hostile_row_is_left_out_and_counted(old: str, new: str) -> None:
    """No number that no fleet could spend gets into a sum; the rows beside it count."""
    page = page_table.render_table([row(project="site")]) + f"{LINE}\n".replace(old, new, 1)
    told = page_table.parse_table(f"\n{page}", "desk", TODAY)
    assert told.odd == 1
    assert [each.project for each in told.rows] == ["site"]
    assert math.isfinite(totals.sum_totals(told.rows).cost_usd)


def test_a_page_is_read_up_to_a_size() -> None:
    """Ten million rows cost no more than two thousand."""
    lines = "\n".join(LINE.replace("shop", f"p{n}") for n in range(5000))
    page = page_table.render_table([row()]) + lines
    assert len(page_table.parse_table(f"\n{page}", "desk", TODAY).rows) == page_table.MAX_ROWS_READ
    assert page_table.parse_table(f"\n{'x' * page_table.MAX_PAGE_CHARS}\n{page}", "desk", TODAY).rows == ()
    assert page_table.parse_table("", "desk", TODAY) == page_table.SpendTable()


@given(st.text(max_size=300))
def test_no_text_stops_a_reader(text: str) -> None:
    """Any page is read without an error."""
    page_table.parse_table(f"\n{page_table.HEADING}\n\n|a|\n|-|\n| {text}", "desk", TODAY)


def days(*usd: float) -> list[Spend]:
    """Rows of the last days, today's last."""
    return [row(TODAY - timedelta(days=len(usd) - 1 - n), each) for n, each in enumerate(usd)]


CASES = [
    # rows, budget, now -> when the day's budget is reached, what the month costs
    ("half the day, half the budget", days(0, 0, 0, 5), 10.0, NOON, None, True),
    ("more than half: at six in the evening", days(0, 0, 0, 10), 15.0, NOON, NOON.replace(hour=18), True),
    ("reached", days(0, 0, 0, 15), 15.0, NOON, NOON, True),
    ("a budget of nothing is reached", days(0, 0, 0, 0), 0.0, NOON, NOON, True),
    ("too early to tell", days(0, 0, 0, 5), 10.0, NOON.replace(hour=0, minute=59), None, True),
    ("nothing spent", days(0, 0, 0, 0), 10.0, NOON, None, True),
    ("no budget", days(0, 0, 0, 5), None, NOON, None, True),
    ("two whole days are too few", days(1, 1, 5), 10.0, NOON, None, False),
    ("nothing is known", [], 10.0, NOON, None, False),
]


@pytest.mark.parametrize(("why", "rows", "budget", "now", "reached", "known"), CASES, ids=[case[0] for case in CASES])
def test_a_days_budget(
    why: str, rows: list[Spend], budget: float | None, now: datetime, reached: datetime | None, known: bool
) -> None:
    """The moment follows from what was spent since midnight; where little is known, nothing is foretold."""
    found = forecast(rows, now=now, budget=budget)
    assert found.reached == reached
    assert (found.month_end_usd is not None) is known


def test_a_month() -> None:
    """What was spent, today at its usual size at least, and nine days more at the mean of the last seven."""
    found = forecast(days(100, 2, 2, 2, 2, 2, 2, 2, 1), now=NOON, budget=None)
    assert found.days == 7
    assert found.month_usd == 115
    assert found.month_end_usd == pytest.approx(114 + 2 + 9 * 2)
    assert any("$134.00" in words for words in found.says)


def test_what_nobody_knows_the_price_of_is_said() -> None:
    """A sum without some prices is too low, and says so."""
    found = forecast([row(usd=0, unpriced=1), row()], now=NOON, budget=2.0, what="shop")
    assert found.unpriced == 1
    assert "shop: 1 of 2 runs this month have no known price: the true sums are higher" in found.says


def test_another_months_days_are_not_this_months() -> None:
    """The first of a month has spent nothing of it yet, and the mean still knows the days before."""
    first = datetime(2026, 12, 1, 12, tzinfo=UTC)
    rows = [row(date(2026, 11, day), 2.0) for day in range(20, 31)]
    found = forecast(rows, now=first, budget=None)
    assert found.month_usd == 0
    assert found.month_end_usd == pytest.approx(2 + 30 * 2)


def test_the_order_of_rows_changes_nothing() -> None:
    """A forecast is a function of what was spent."""
    rows = days(1, 2, 3, 4, 5, 6)
    mixed = random.Random(1).sample(rows, len(rows))
    assert forecast(rows, now=NOON, budget=9.0) == forecast(mixed, now=NOON, budget=9.0)
