"""Which of a template's missions are filed, and which times are told as missed?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from missions.recurring.template import CatchUp, Overlap, Template
from orchestrator.policy.template_missions import MAX_CATCH_UP
from orchestrator.workflow.recurring.due import due_missions, missed_words

NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
SEVEN = NOW.replace(hour=7)
DAY = timedelta(days=1)


def daily(catch_up: CatchUp = CatchUp.LATEST, overlap: Overlap = Overlap.WAIT) -> Template:
    """At seven."""
    return Template(name="daily", text="x\n", every="0 7 * * *", catch_up=catch_up, overlap=overlap)


def look(
    template: Template, *, filed: int, busy: bool = False, since: datetime = LONG_AGO, now: datetime = NOW
) -> tuple[list[int], list[int]]:
    """How many days ago what is filed, and what is missed, was due; the last one was filed `filed` days ago."""
    found = due_missions(template, since, now, is_filed=lambda slot: slot <= SEVEN - filed * DAY, busy=busy)
    return [(SEVEN - slot).days for slot in found.slots], [(SEVEN - slot).days for slot in found.missed]


@pytest.mark.parametrize(
    ("catch_up", "filed", "wanted"),
    [
        (CatchUp.LATEST, 0, ([], [])),
        (CatchUp.LATEST, 1, ([0], [])),
        (CatchUp.LATEST, 4, ([0], [3, 2, 1])),
        (CatchUp.NONE, 4, ([], [])),
        (CatchUp.ALL, 4, ([3], [])),
    ],
)
def test_after_an_outage(catch_up: CatchUp, filed: int, wanted: tuple[list[int], list[int]]) -> None:
    """The latest one is made up for, or all one after the other, or none; the others are told."""
    assert look(daily(catch_up), filed=filed) == wanted


def test_all_at_once_where_they_may_overlap() -> None:
    """The oldest first, and a day's worth of an hourly one at most."""
    assert look(daily(CatchUp.ALL, Overlap.ALLOW), filed=4) == ([3, 2, 1, 0], [])
    assert len(look(daily(CatchUp.ALL, Overlap.ALLOW), filed=300)[0]) == MAX_CATCH_UP


def test_on_time_without_catching_up() -> None:
    """A quarter of an hour is no outage. Whoever files it tells what passed before."""
    assert look(daily(CatchUp.NONE), filed=1, now=SEVEN + timedelta(minutes=10)) == ([0], [])
    assert look(daily(CatchUp.NONE), filed=3, now=SEVEN + timedelta(minutes=10)) == ([0], [2, 1])


@pytest.mark.parametrize(("overlap", "wanted"), [(Overlap.WAIT, []), (Overlap.ALLOW, [0])])
def test_while_an_earlier_one_is_still_to_be_done(overlap: Overlap, wanted: list[int]) -> None:
    """The next one waits, unless the template lets them overlap."""
    assert look(daily(overlap=overlap), filed=1, busy=True)[0] == wanted


@pytest.mark.parametrize(("template", "busy"), [(daily(), True), (daily(CatchUp.NONE), False)])
def test_nothing_is_asked_of_the_history_where_nothing_can_be_due(template: Template, busy: bool) -> None:
    """Each question walks the whole history of a file that never was."""
    asked = list[datetime]()

    def is_filed(slot: datetime) -> bool:
        asked.append(slot)
        return False

    assert due_missions(template, LONG_AGO, NOW, is_filed=is_filed, busy=busy).slots == ()
    assert asked == []


def test_nothing_is_due_from_before_it_was_signed() -> None:
    """A new template begins with its next time."""
    assert look(daily(CatchUp.ALL, Overlap.ALLOW), filed=300, since=SEVEN + timedelta(minutes=1)) == ([], [])
    assert look(daily(CatchUp.ALL, Overlap.ALLOW), filed=300, since=SEVEN - DAY) == ([1, 0], [])


def test_a_line_that_was_not_due_since_it_was_signed_is_not_due() -> None:
    """The twenty-ninth of February."""
    seldom = Template(name="seldom", text="x\n", every="0 0 29 2 *")
    assert due_missions(seldom, LONG_AGO, NOW, is_filed=lambda _slot: False, busy=False).slots == ()


def test_missed_times_are_told_in_one_line() -> None:
    """With the first and the last of them."""
    said = missed_words(daily(overlap=Overlap.ALLOW), [SEVEN - DAY])
    assert said.startswith("daily: one run was missed while no node ran (2026-11-29 07")
    told = missed_words(daily(), [SEVEN - 3 * DAY, SEVEN - 2 * DAY])
    assert "2 runs were missed while no node ran, or an earlier one was still open" in told
    assert "2026-11-27 07:00 to 2026-11-28 07:00 UTC" in told


@given(st.sampled_from(CatchUp), st.sampled_from(Overlap), st.lists(st.integers(0, 400), max_size=12))
def test_looked_at_again_and_again_each_time_is_filed_once(
    catch_up: CatchUp, overlap: Overlap, pauses: list[int]
) -> None:
    """However long nobody looked in between, whatever is filed was due, in order, and never twice."""
    hourly = Template(name="hourly", text="x\n", every="30 * * * *", catch_up=catch_up, overlap=overlap)
    now, done = NOW, list[datetime]()
    for minutes in pauses:
        now += timedelta(minutes=minutes)
        found = due_missions(hourly, NOW, now, is_filed=done.__contains__, busy=False)
        assert all(NOW <= slot <= now and slot.minute == 30 for slot in found.slots)
        assert not set(found.slots) & set(done)
        done += found.slots
        assert done == sorted(done)
