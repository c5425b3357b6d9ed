"""What the journal says is over is warned of no more; what only sounds so is."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from handoff.entry import Entry
from handoff.marks.model_mark import PROPOSED, ModelMark, with_mark
from handoff.warnings.warning_index import add_warnings, warnings_at

HANGS = "- `pytest tests/x.py` hangs without a terminal"


def entry(number: int, agent: str = "person", **sections: str) -> Entry:
    named = tuple((heading.replace("_", " "), body) for heading, body in sections.items())
    return Entry(entry_id=f"e{number}", when=f"2026-11-{number:02}T08:00:00Z", agent=agent, sections=named)


def said(*entries: Entry, action: str = "pytest tests/x.py") -> list[str]:
    with closing(sqlite3.connect(":memory:")) as conn:
        add_warnings(conn, entries)
        return [one.entry_id for one in warnings_at(conn, action)]


@pytest.mark.parametrize(
    "sections",
    [
        {"Blockers": "- Resolved: `pytest tests/x.py` has its terminal"},
        {"Work_Accomplished": "- Fixed: `pytest tests/x.py` hangs without a terminal"},
        {"Work_Accomplished": "- Repaired `pytest tests/x.py`, which hangs without a terminal"},
        {"Decisions": "- Withdrawn: `pytest tests/x.py` hangs"},
    ],
)
def test_a_blocker_that_was_settled_later_is_over(sections: dict[str, str]) -> None:
    """Whichever way a session says so; one that meets it again warns again."""
    first, again = entry(1, Blockers=HANGS), entry(9, Blockers=HANGS)
    assert said(first) == ["e1"]
    assert said(first, entry(2, **sections)) == []
    assert said(entry(2, **sections), first) == []  # whichever log comes first
    assert said(first, entry(2, **sections), again) == ["e9"]


@pytest.mark.parametrize(
    "sections",
    [
        {"Blockers": "- Resolved: `pytest tests/y.py` hangs without a terminal"},
        {"Work_Accomplished": "- Could not fix `pytest tests/x.py`, it hangs without a terminal"},
        {"Work_Accomplished": "- Ran `pytest tests/x.py` in a terminal"},
        {"Blockers": "> Resolved: `pytest tests/x.py` hangs"},
    ],
)
def test_what_settles_nothing(sections: dict[str, str]) -> None:
    """Another thing, a failed try, a mere run, a quotation."""
    assert said(entry(1, Blockers=HANGS), entry(2, **sections)) == ["e1"]


def test_an_outsider_settles_nothing() -> None:
    """Else a page could take the fleet's warnings away."""
    late = entry(2, agent="mcp-codex", Blockers="- Resolved: `pytest tests/x.py` hangs without a terminal")
    assert said(entry(1, Blockers=HANGS), late) == ["e1"]


def test_a_lesson_ends_only_by_a_later_line_that_says_so() -> None:
    """Work that mends its cause is where it was learned."""
    own = entry(1, Lessons=HANGS, Work_Accomplished="- Fixed `pytest tests/x.py` hangs without a terminal")
    assert said(own) == ["e1"]
    assert said(own, entry(2, Lessons="- Withdrawn: `pytest tests/x.py` hangs without a terminal")) == []


def test_what_a_model_proposed_settles_nothing() -> None:
    """Else it could take back what others learned; once a person has confirmed it, it does."""
    over = "- Resolved: `pytest tests/x.py` has its terminal"
    assert said(entry(1, Blockers=HANGS), entry(2, Blockers=with_mark(over, PROPOSED))) == ["e1"]
    assert said(entry(1, Blockers=HANGS), entry(2, Blockers=with_mark(over, ModelMark(confirmed_by="ana")))) == []
