"""What is said at an action: the exact before the broad, the newest first, never twice, with its citation."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handoff.entry import Entry
from handoff.warnings.action_warnings import warnings_of
from handoff.warnings.warning_index import (
    MAX_LINES_A_LOOK,
    MAX_WARNINGS,
    SaidWarning,
    add_warnings,
    rebuild_warnings,
    warnings_at,
)


def entry(number: int, *lines: str, section: str = "Lessons") -> Entry:
    body = "\n".join(f"- {line}" for line in lines)
    return Entry(entry_id=f"e{number}", when=f"2026-11-{number:02}T08:00:00Z", sections=((section, body),))


@pytest.fixture
def conn() -> Iterator[sqlite3.Connection]:
    """A database in memory."""
    made = sqlite3.connect(":memory:")
    yield made
    made.close()


def said(conn: sqlite3.Connection, action: str, **given_: object) -> list[str]:
    return [one.entry_id for one in warnings_at(conn, action, **given_)]  # type: ignore[arg-type]


def test_the_exact_is_said_before_the_broad(conn: sqlite3.Connection) -> None:
    """A command before a path before a tool, of commands the one with more words, whichever is newer."""
    entries = [
        entry(9, "`pytest` wants a terminal"),
        entry(8, "tests/x.py is generated"),
        entry(2, "`pytest tests/x.py` hangs"),
        entry(1, "`pytest -n 4 tests/x.py` is killed"),
    ]
    assert add_warnings(conn, entries) == 4
    assert said(conn, "pytest -n 4 tests/x.py", limit=9) == ["e1", "e2", "e8", "e9"]
    assert said(conn, "pytest tests/x.py", limit=9) == ["e2", "e8", "e9"]


def test_the_newest_is_said_first_and_three_at_most(conn: sqlite3.Connection) -> None:
    """Of lines about the same; a line is cited by its entry and day."""
    add_warnings(conn, [entry(number, f"`make all` fails for the {number}th time") for number in (3, 5, 4, 7, 6)])
    assert said(conn, "make all") == ["e7", "e6", "e5"]
    assert len(warnings_at(conn, "make all")) == MAX_WARNINGS
    assert warnings_at(conn, "make all")[0].line == "`make all` fails for the 7th time [e7, 2026-11-07]"


def test_the_same_words_are_said_once(conn: sqlite3.Connection) -> None:
    """By the newest who said them; what was said before is not said again, and what is next takes its place."""
    add_warnings(conn, [entry(number, "`make all` fails") for number in (1, 2)] + [entry(3, "`make all` is slow")])
    first = warnings_at(conn, "make all")
    assert [one.entry_id for one in first] == ["e3", "e2"]
    assert said(conn, "make all", limit=1, said=["`make all` is slow"]) == ["e2"]
    assert said(conn, "make all", said=[one.text for one in first]) == []


def test_an_entry_is_taken_in_once(conn: sqlite3.Connection) -> None:
    """Also when it comes again, or the index is made anew."""
    entries = [entry(1, "`make all` fails"), entry(2, "nothing of note")]
    assert [add_warnings(conn, entries), add_warnings(conn, entries), rebuild_warnings(conn, entries)] == [1, 0, 1]
    assert said(conn, "make all") == ["e1"]
    assert rebuild_warnings(conn, []) == 0
    assert said(conn, "make all") == []


def test_only_the_logs_of_these_projects_are_looked_into(conn: sqlite3.Connection) -> None:
    """Of another project's journal nothing, and it takes nobody's place; of several the newest comes first."""
    add_warnings(conn, [entry(number, f"`make all` fails {number}") for number in range(3, 9)], "mill")
    add_warnings(conn, [entry(1, "`make all` fails 1")])
    add_warnings(conn, [entry(2, "`make all` fails 2"), entry(4, "`make all` fails 4")], "shop")
    assert said(conn, "make all", projects=("", "shop")) == ["e4", "e2", "e1"]
    assert said(conn, "make all", projects=("shop", "shop")) == ["e4", "e2"]
    assert said(conn, "make all", projects=("",)) == ["e1"]
    assert said(conn, "make all", projects=()) == []
    assert said(conn, "make all") == ["e8", "e7", "e6"]


def test_a_project_that_warns_a_lot_hides_no_other(conn: sqlite3.Connection) -> None:
    """However many lines of entries that are not wanted are newer."""
    many = [
        Entry(entry_id=f"n{number}", when=f"2026-12-01T{number // 60:02}:{number % 60:02}:00Z",
              sections=(("Lessons", f"- `make all` fails {number}"),))
        for number in range(400)
    ]  # fmt: skip
    add_warnings(conn, [entry(1, "`make all` fails here")], "shop")
    add_warnings(conn, many, "mill")
    steps: list[int] = []
    conn.set_progress_handler(lambda: steps.append(1), 1000)
    assert said(conn, "make all", projects=("", "shop")) == ["e1"]
    assert len(steps) < 10  # thousand steps: its lines are not even read


def test_a_look_ends_however_much_there_is_to_look_at(conn: sqlite3.Connection) -> None:
    """Lines that were taken back are looked at a number of times; what stands behind so many is not said."""
    over = [
        Entry(entry_id=f"o{number}", when=f"2026-11-20T{number // 60:02}:{number % 60:02}:00Z",
              sections=(("Blockers", f"- `make all` fails {number}"),))
        for number in range(2 * MAX_LINES_A_LOOK)
    ]  # fmt: skip
    add_warnings(conn, [entry(1, "`make all` fails at night"), *over])
    assert said(conn, "make all") == ["o255", "o254", "o253"]
    add_warnings(conn, [entry(30, "Resolved: `make all` works", section="Blockers")])
    asked: list[str] = []
    conn.set_trace_callback(asked.append)
    assert said(conn, "make all") == []
    assert len(asked) < 100


@settings(max_examples=30)
@given(
    lines=st.lists(st.sampled_from(["`make all` fails", "src/a.py is old", "`npm` hangs", "x", "`a b` c"]), max_size=8)
)
def test_what_is_found_is_what_reading_everything_finds(lines: list[str]) -> None:
    """The index leaves nothing out that concerns an action."""
    entries = [entry(number, line) for number, line in enumerate(lines, 1)]
    made = sqlite3.connect(":memory:")
    try:
        add_warnings(made, entries)
        for action in ("make all -j2", "vim src/a.py", "npm ci", "a b", "ls"):
            words = {one.text for one in warnings_at(made, action, limit=99)}
            from handoff.warnings.action_warnings import action_words

            given_ = action_words(action)
            every = (one for each in entries for one in warnings_of(each))
            assert words == {one.text for one in every if any(subject.concerns(given_) for subject in one.subjects)}
    finally:
        made.close()


def test_nothing_is_asked_of_an_empty_index(conn: sqlite3.Connection) -> None:
    """Nor of an empty action."""
    assert said(conn, "make all") == []
    add_warnings(conn, [entry(1, "`make all` fails")])
    assert said(conn, "") == []


def test_an_exact_old_warning_is_not_hidden_by_newer_ones_of_its_word(conn: sqlite3.Connection) -> None:
    """However many other commands have the same longest word."""
    many = [entry(2, *(f"`pytest tests/x.py -k case{number}{part}` hangs" for number in range(40))) for part in "abc"]
    add_warnings(conn, [entry(1, "`pytest tests/x.py -x` hangs")])
    add_warnings(conn, [replace(one, entry_id=f"n{number}") for number, one in enumerate(many)])
    assert said(conn, "pytest -x tests/x.py") == ["e1"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("`make all` fails [e9, 2026-11-30]", "`make all` fails (e9, 2026-11-30) [e1, 2026-11-01]"),
        ("`make all` fails\x1b[2J\u202e!", "`make all` fails [2J ! [e1, 2026-11-01]"),
    ],
)
def test_a_line_ends_with_its_own_citation_alone(text: str, line: str) -> None:
    """What stands in the journal's words as one is none, and nothing moves a cursor or turns the text."""
    assert SaidWarning(text=text, entry_id="e1", when="2026-11-01T08:00:00Z", about="").line == line
