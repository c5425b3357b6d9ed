"""What one run hears at its actions: never much, never twice; and what followed tells whether it was of use."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from handoff.warnings.action_warnings import MAX_ACTION_CHARS
from handoff.warnings.heard_warnings import WarningVerdict
from handoff.warnings.warning_index import SaidWarning
from orchestrator.core.errors import WrongSetting
from orchestrator.core.ports.action_warner import NO_ADVICE, REFUSED_ONCE, Unwarned
from orchestrator.execution.journal_warner import JournalWarner, WarningForm
from tests.journal_warnings import journal_of, look_up_in
from tests.waiting import PATIENCE

FAILS, WORKS = "make all -j4", "make all -j1"
LESSON = "`make all -j4` is killed: take `-j1`"
HELPED, HURT, UNCLEAR = WarningVerdict.HELPED, WarningVerdict.HURT, WarningVerdict.UNCLEAR


def warner(*lessons: str, **given: object) -> JournalWarner:
    return JournalWarner(look_up=look_up_in(journal_of(*(lessons or (LESSON,)))), **given)  # type: ignore[arg-type]


def test_a_line_is_said_once_a_run() -> None:
    """With its author and its citation, and people who watch are told."""
    told: list[str] = []
    run = warner(note=told.append)
    first = run.before(FAILS)
    assert first.lines == ('claude at desktop wrote: "`make all -j4` is killed: take `-j1`" [e1, 2026-11-01]',)
    assert (first.refuses, run.before(FAILS), run.before(f"time {FAILS}")) == (False, NO_ADVICE, NO_ADVICE)
    assert told == [f"[the journal warns: {first.lines[0]}]"]


def test_a_run_hears_no_more_than_its_limit() -> None:
    """However many actions it tries; what looks for more finds nothing."""
    run = warner(*(f"`make part{number} all` fails" for number in range(1, 29)), limit=5)
    heard = [line for number in range(1, 29) for line in run.before(f"make part{number} all").lines]
    assert len(heard) == len(run.heard) == 5


def test_a_refusal_passes_the_second_time() -> None:
    """And the lines stand below the reason."""
    run = warner(form=WarningForm.REFUSE_ONCE)
    first = run.before(FAILS)
    assert first.refuses
    assert first.text.startswith(REFUSED_ONCE)
    assert first.text.endswith(first.lines[0])
    assert run.before(FAILS) == NO_ADVICE


RESULT, ONCE = WarningForm.WITH_RESULT, WarningForm.REFUSE_ONCE


@pytest.mark.parametrize(
    ("form", "then", "verdict"),
    [
        (RESULT, [], UNCLEAR),
        (RESULT, [(FAILS, False)], UNCLEAR),
        (RESULT, [(FAILS, True)], UNCLEAR),
        (RESULT, [(FAILS, False), (WORKS, True)], HELPED),
        (RESULT, [(FAILS, False), ("ls", True)], UNCLEAR),
        (RESULT, [(FAILS, False), (FAILS, False)], HURT),
        (RESULT, [(FAILS, False), (f"nice {FAILS}", False), (WORKS, True)], HURT),
        (RESULT, [(FAILS, True), (WORKS, True)], UNCLEAR),
        (ONCE, [], UNCLEAR),
        (ONCE, [(WORKS, True)], HELPED),
        (ONCE, [(WORKS, False)], UNCLEAR),
        (ONCE, [(FAILS, False)], HURT),
        (ONCE, [(FAILS, True)], HURT),
    ],
)
def test_what_followed_tells_what_it_was_good_for(
    form: WarningForm, then: list[tuple[str, bool]], verdict: WarningVerdict
) -> None:
    """Helped: it was not run into again, and something else of the program worked. Hurt: it failed again, or was held
    back for nothing. The first failure, at which it was said with the result, nobody could prevent."""
    run = warner(form=form)
    assert run.before(FAILS).lines
    for action, ok in then:
        run.followed(action, ok=ok)
    assert [one.verdict for one in run.heard] == [verdict]


def test_another_program_that_works_is_no_help() -> None:
    """An interpreter is not the program that it is given."""
    run = warner("`python build.py --fast` fails")
    run.before("python build.py --fast")
    run.followed("python build.py --fast", ok=False)
    run.followed("python other.py", ok=True)
    assert [one.verdict for one in run.heard] == [UNCLEAR]
    run.followed("python build.py --slow", ok=True)
    assert [one.verdict for one in run.heard] == [HELPED]


@pytest.mark.parametrize("error", [WrongSetting("x", "y"), sqlite3.OperationalError("locked")])
def test_a_journal_that_cannot_be_read_stops_no_work(error: Exception) -> None:
    """Nothing is said then."""

    def broken(action: str, said: Sequence[str], limit: int) -> list[SaidWarning]:
        raise error

    assert JournalWarner(look_up=broken).before(FAILS) == NO_ADVICE


def test_a_huge_action_is_cut() -> None:
    """Of a pasted script the beginning is looked up."""
    seen: list[str] = []

    def look_up(action: str, said: Sequence[str], limit: int) -> list[SaidWarning]:
        seen.append(action)
        return []

    JournalWarner(look_up=look_up).before("x" * 10**6)
    assert len(seen[0]) == MAX_ACTION_CHARS
    JournalWarner(look_up=look_up).before("  ")
    assert len(seen) == 1


def test_who_is_not_warned_hears_nothing() -> None:
    """And nobody counts."""
    nobody = Unwarned()
    nobody.followed(FAILS, ok=False)
    assert (nobody.active, nobody.before(FAILS), nobody.heard) == (False, NO_ADVICE, ())


def test_who_looks_holds_up_nobody_else() -> None:
    """A look that takes its time; meanwhile the run's other actions are heard of, and no line is said twice."""
    looking, let_go = threading.Event(), threading.Event()
    inside = look_up_in(journal_of(LESSON))

    def slow(action: str, said: Sequence[str], limit: int) -> list[SaidWarning]:
        looking.set()
        assert let_go.wait(PATIENCE)
        return list(inside(action, said, limit))

    run = JournalWarner(look_up=slow)
    with ThreadPoolExecutor() as pool:
        both = [pool.submit(run.before, FAILS) for _ in range(2)]
        assert looking.wait(PATIENCE)
        pool.submit(run.followed, FAILS, ok=True).result(PATIENCE)
        let_go.set()
        assert sorted(len(one.result(PATIENCE).lines) for one in both) == [0, 1]
