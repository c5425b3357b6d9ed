"""Are a month's measures what its missions, entries and questions say, and nothing else?"""

from __future__ import annotations

import pytest

from orchestrator.workflow.continuity import recent_entries
from orchestrator.workflow.continuity.month_measures import MonthMeasure, MonthMeasures, measure_month
from tests.ledgers import Town
from tests.orchestrator.workflow.continuity.months import HANG, MONTH, attempt, ended, town


def measured(of: Town, month: str = MONTH) -> MonthMeasures:
    return measure_month(of.peer("ada").ledger(), month)


def counted(of: Town, measure: MonthMeasure) -> tuple[int, int]:
    found = measured(of).proportions[measure]
    return found.count, found.of


def test_missions_count_by_how_they_ended() -> None:
    """Accepted, rejected and failed are decided; what was withdrawn, and what waits, says nothing about the work."""
    place = town(
        good=ended("good"),
        second=ended("second", front="rejections: 1\ncomment: again\n"),
        bad=ended("bad", status="cancelled", front="rejections: 1\n"),
        gone=ended("gone", status="cancelled"),
        dead=ended("dead", status="dead"),
        waits=ended("waits", status="review"),
    )
    assert counted(place, MonthMeasure.ACCEPTED) == (2, 4)
    assert counted(place, MonthMeasure.FIRST_ATTEMPT) == (1, 4)
    assert counted(place, MonthMeasure.STEPPED_IN) == (2, 5)
    found = measured(place)
    assert (found.missions, found.withdrawn, found.waiting) == (5, 1, 1)


def test_reviews_and_other_months_are_left_out() -> None:
    """A review of the logs is no work that was handed over."""
    place = town(review=ended("review-1", front="task: review\n"), good=ended("good"))
    assert counted(place, MonthMeasure.ACCEPTED) == (1, 1)
    assert measured(place, "2026-09").missions == 0


def test_cost_is_summed_and_what_has_no_price_is_said() -> None:
    """A mission without a known cost is counted, never taken as free."""
    place = town(one=ended("one", front="cost_usd: 0.25\n"), two=ended("two", front="cost_usd: 1.5\n"), x=ended("x"))
    found = measured(place)
    assert (found.cost_usd, found.unpriced) == (1.75, 1)


def test_a_failure_counts_as_repeated_if_an_entry_had_told_of_it() -> None:
    """The same command or line of an error, in an entry from before the attempt began."""
    place = town(
        attempt("first", 1, "02", blocked=HANG),
        attempt("again", 1, "09", blocked="It stood still: TimeoutError: no terminal in the sandbox"),
        attempt("other", 1, "10", blocked="ValueError: another thing"),
        attempt("fine", 1, "11"),
        again=ended("again", day="09"),
    )
    assert counted(place, MonthMeasure.REPEATED) == (1, 3)


def test_a_lesson_tells_of_a_failure_as_well() -> None:
    """What an entry warns of is documented, whoever failed before."""
    place = town(attempt("taught", 1, "02", lesson=f"- {HANG}"), attempt("again", 1, "09", blocked=HANG))
    assert counted(place, MonthMeasure.REPEATED) == (1, 1)


def test_what_was_told_while_the_attempt_ran_is_no_repetition() -> None:
    """The attempt of the ninth began at seven; an entry of eight could not have told it."""
    place = town(
        attempt("beside", 1, "09", blocked=HANG),
        attempt("again", 1, "09", blocked=HANG),
        beside=ended("beside", day="09"),
        again=ended("again", day="09"),
    )
    assert counted(place, MonthMeasure.REPEATED) == (0, 2)


def test_a_line_that_says_little_is_the_same_failure_within_its_mission_alone() -> None:
    """“exit code 1” of two missions may be anything."""
    two = town(attempt("one", 1, "02", blocked="exit code 1"), attempt("two", 1, "09", blocked="exit code 1"))
    one = town(attempt("one", 1, "02", blocked="exit code 1"), attempt("one", 2, "09", blocked="exit code 1"))
    assert counted(two, MonthMeasure.REPEATED) == (0, 2)
    assert counted(one, MonthMeasure.REPEATED) == (1, 2)


def test_warnings_are_counted_by_what_followed() -> None:
    """Helped, hurt and unclear are of all that were heard."""
    heard = "- helped: `a b` fails [x-1]\n- hurt: `c d` fails [x-1]\n- unclear: `e f` fails [x-1]"
    place = town(attempt("one", 1, "02", heard=heard))
    assert counted(place, MonthMeasure.HELPED) == (1, 3)
    assert counted(place, MonthMeasure.HURT) == (1, 3)


def test_a_question_counts_as_answered_if_an_earlier_entry_had_its_words() -> None:
    """Of another mission, from before; a question of few words is not looked up."""
    told = attempt("told", 1, "02", lesson="- The port of the staging server is 9090.")
    question = "Which port has the staging server?"
    assert counted(town(told, asks=ended("asks", asked=question)), MonthMeasure.ANSWERED) == (1, 1)
    assert counted(town(told, asks=ended("asks", day="01", asked=question)), MonthMeasure.ANSWERED) == (0, 1)
    assert counted(town(told, asks=ended("asks", asked="Which port?")), MonthMeasure.ANSWERED) == (0, 1)
    assert counted(town(told, told=ended("told", asked=question)), MonthMeasure.ANSWERED) == (0, 1)
    assert counted(town(told, asks=ended("asks", asked=question)), MonthMeasure.STEPPED_IN) == (1, 1)


def test_missions_that_agents_proposed_are_counted_apart() -> None:
    """By their parent."""
    place = town(child=ended("child", front="parent: good\n"), good=ended("good"))
    assert counted(place, MonthMeasure.OWN) == (1, 1)


def test_a_journal_that_is_too_long_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Older entries than are looked at count as not there."""
    monkeypatch.setattr(recent_entries, "MAX_ENTRIES", 1)
    place = town(attempt("first", 1, "02", blocked=HANG), attempt("again", 1, "09", blocked=HANG))
    assert measured(place).cut
    assert counted(place, MonthMeasure.REPEATED) == (0, 1)
