"""Is a month's page written once, the same by whoever writes it, and read back as it was meant?"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handoff.mined.harmful_items import HarmfulItem
from missions.archive_path import archive_path
from orchestrator.ledger.archive import ArchiveDay
from orchestrator.workflow.continuity.month_measures import MonthMeasure, MonthMeasures, measure_month
from orchestrator.workflow.continuity.month_overview import continuity_overview
from orchestrator.workflow.continuity.month_page import month_path, parse_month, render_month
from orchestrator.workflow.continuity.monthly_record import due_month, month_change
from orchestrator.workflow.continuity.proportion import Proportion
from tests.journals import upkeep
from tests.orchestrator.workflow.continuity.months import HANG, MONTH, attempt, ended, town

PAGE = month_path(MONTH)


def test_the_month_before_is_written_once(tmp_path: Path) -> None:
    """By the node that does upkeep; afterwards nothing is due."""
    ada, told = town(good=ended("good")).peer("ada"), list[tuple[str, str]]()
    keeper = upkeep(ada, tmp_path, told)
    assert keeper.step(ada.ledger())
    assert not keeper.step(ada.ledger())
    assert ("measured", f"{PAGE}: what the missions of {MONTH} say about continuity") in told
    rows = parse_month(ada.text(PAGE), MONTH).proportions
    assert rows[MonthMeasure.ACCEPTED] == Proportion(count=1, of=1)


def test_two_nodes_at_once_write_it_once(tmp_path: Path) -> None:
    """The slower one finds it there and changes nothing."""
    place = town(good=ended("good"))
    ada, bob = place.peer("ada"), place.peer("bob")
    ledger = ada.ledger()
    ada.line.before_push.append(lambda: upkeep(bob, tmp_path, []).step(bob.ledger()))
    assert not upkeep(ada, tmp_path, []).step(ledger)
    assert ada.text(PAGE).count("# Continuity") == 1


def test_a_month_that_runs_by_the_nodes_clock_is_not_over(tmp_path: Path) -> None:
    """A commit of a clock that goes ahead ends no month before its time."""
    place = town(good=ended("good"))
    ada = place.peer("ada")
    place.clock.forward(-40 * 86_400)
    assert not upkeep(ada, tmp_path, []).step(ada.ledger())
    assert due_month(ada.ledger()) == MONTH


def test_the_same_ledger_is_the_same_page() -> None:
    """Two nodes that look at one commit write the same bytes."""
    place = town(attempt("one", 1, "02", blocked=HANG), one=ended("one"))
    made = [month_change(place.peer(name).ledger()) for name in ("ada", "bob")]
    assert made[0] is not None
    assert made[0] == made[1]


def test_no_page_is_due_where_no_mission_ended_or_it_is_there() -> None:
    """Nor for a month longer ago than is looked back on."""
    assert due_month(town().peer("ada").ledger()) == ""
    assert due_month(town(good=ended("good"), files={PAGE: "# Mine\n"}).peer("ada").ledger()) == ""
    old = {"missions/archive/2024-01/old.md": "---\nstatus: done\n---\nx\n"}
    assert due_month(town(old=old).peer("ada").ledger()) == ""


def test_whether_a_page_is_due_is_told_without_reading_a_days_missions(monkeypatch: pytest.MonkeyPatch) -> None:
    """A node asks that each minute, and a busy year has a million files."""
    files = {archive_path("good", "2026/10/09"): "---\nstatus: done\n---\nx\n"}
    ledger = town(files=files).peer("ada").ledger()
    monkeypatch.setattr(ArchiveDay, "_places", property(lambda _: pytest.fail("a day was read")))
    assert due_month(ledger) == MONTH


def test_a_page_shows_no_secret_and_opens_no_comment() -> None:
    """Items of briefings are other people's words."""
    item = HarmfulItem(item_id="f1", text="key AKIAQ3EGRLR7ZCW5JT2K <!-- x", cites=("a-1",), why="so")
    place = town(good=ended("good")).peer("ada").ledger()
    page = render_month(measure_month(place, MONTH), {"shop": [item]}, "c" * 40)
    assert "AKIA" not in page
    assert "<!--" not in page
    assert "[a-1]: so" in page


@given(st.dictionaries(st.sampled_from(MonthMeasure), st.tuples(st.integers(0, 10**6), st.integers(0, 10**6))))
def test_what_is_written_is_read_back(counts: dict[MonthMeasure, tuple[int, int]]) -> None:
    """Every count; shares are worked out anew."""
    shares = {one: Proportion(count=min(pair), of=max(pair)) for one, pair in counts.items()}
    numbers = dict.fromkeys(("missions", "attempts", "failed_attempts", "withdrawn", "waiting", "unpriced"), 1)
    found = MonthMeasures(month=MONTH, cost_usd=0.5, proportions=shares, **numbers)
    assert parse_month(render_month(found, {}, "c" * 40), MONTH).proportions == shares


@given(st.text())
def test_no_page_is_refused(text: str) -> None:
    """Whatever somebody wrote there; what is no row is left out."""
    assert parse_month(text, MONTH).month == MONTH


def test_a_row_that_cannot_be_is_left_out() -> None:
    """More than all."""
    assert parse_month(f"| {MonthMeasure.OWN} | 3 | 2 | 1 | x |", MONTH).proportions == {}


def test_the_series_has_the_pages_and_what_is_measured_now() -> None:
    """The oldest first; the month that is measured stands for its page."""
    before = f"| {MonthMeasure.ACCEPTED} | 3 | 4 | 75% | x |\n"
    ledger = town(good=ended("good"), files={month_path("2026-09"): before, PAGE: before}).peer("ada").ledger()
    rows = continuity_overview(ledger, MONTH)["series"]
    assert [(row["month"], row["measures"][0]["count"], row["measures"][0]["of"]) for row in rows] == [
        ("2026-09", 3, 4),
        (MONTH, 1, 1),
    ]


@pytest.mark.parametrize("folder", ["2026-0x", "2026-00", "2025-13", "2026/00/01", "2026-old"])
def test_a_folder_of_the_archive_that_is_no_month_is_none(folder: str) -> None:
    """Anybody who may push can make one: a page of it would be written again each minute, for ever."""
    assert (
        due_month(town(files={f"missions/archive/{folder}/a.md": "---\nstatus: done\n---\nx\n"}).peer("ada").ledger())
        == ""
    )
