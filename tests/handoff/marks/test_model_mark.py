"""Does a model's mark read back as what was written, on any line, and is a line without one left as it is?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handoff.entry import IDENTIFIER
from handoff.errors import BadMark
from handoff.marks.model_mark import (
    LABEL,
    PROPOSED,
    ModelMark,
    awaits_confirmation,
    is_unreadable,
    person_name,
    read_mark,
    split_mark,
    with_mark,
)

ENTRIES = st.lists(st.from_regex(IDENTIFIER, fullmatch=True), min_size=1, max_size=3).map(tuple)
PEOPLE = st.text(max_size=100).map(person_name)
MARKS = st.one_of(
    st.just(PROPOSED),
    PEOPLE.map(lambda name: ModelMark(confirmed_by=name)),
    PEOPLE.map(lambda name: ModelMark(withdrawn_by=name)),
    ENTRIES.map(lambda entries: ModelMark(confirmed_in=entries)),
)
LINES = st.text(st.characters(blacklist_characters="\r\n"), max_size=60)


@given(LINES, MARKS)
def test_a_mark_reads_back_as_it_was_written(line: str, mark: ModelMark) -> None:
    """Whoever is called how, and whichever entries are named: the same mark, and the words without it."""
    marked = with_mark(f"x{line}", mark)
    words = split_mark(f"x{line}")[0].rstrip()
    assert split_mark(marked) == (words, mark)
    assert read_mark(str(mark)) == mark
    assert with_mark(marked, mark) == marked
    assert awaits_confirmation(marked) is not mark.confirmed


@given(LINES)
def test_a_line_without_a_mark_is_what_it_was(line: str) -> None:
    """No text is taken for a mark by chance, and none is lost."""
    words, mark = split_mark(line)
    assert (words, mark) == (line, None) or LABEL in line


@given(st.text())
def test_any_name_becomes_one_that_a_mark_can_hold(name: str) -> None:
    """What a signature says may hold anything."""
    assert ModelMark(confirmed_by=person_name(name)).confirmed


@pytest.mark.parametrize(
    "wrong",
    [
        {"confirmed_by": "ana and bo"},
        {"confirmed_by": "ana)*"},
        {"confirmed_by": "ana", "withdrawn_by": "bo"},
        {"confirmed_by": "ana", "confirmed_in": ("e1",)},
        {"confirmed_in": ("e1, e2",)},
        {"confirmed_in": ("",)},
        {"confirmed_by": "a\n"},
    ],
)
def test_what_would_not_read_back_is_refused(wrong: dict[str, str]) -> None:
    """A mark that says two things, or that another one could be read out of, is never written."""
    with pytest.raises(BadMark):
        ModelMark(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "line",
    [
        "Port: 1 (proposed by a model)",
        "Port: 1 *(proposed by a model; confirmed by)*",
        "Port: 1 *(Proposed  by a model)*",
        "Port: 1 *(proposed by a model)* since May",
    ],
)
def test_what_only_looks_like_a_mark_is_told(line: str) -> None:
    """A person's slip marks nothing, and can be found."""
    assert split_mark(line) == (line, None)
    assert is_unreadable(line)
    assert not is_unreadable(with_mark("Port: 1", PROPOSED))
    assert not is_unreadable("The plan was proposed by a model")


def test_a_line_of_many_marks_is_read_in_one_pass() -> None:
    """Anybody may push one; looked for anew from its beginning, each mark cost as much as the whole line."""
    assert split_mark("- x" + f" {ModelMark(confirmed_by='ada')}" * 40_000) == ("- x", ModelMark(confirmed_by="ada"))
    open_marks = "- x" + " *(proposed by a model" * 40_000
    assert split_mark(open_marks) == (open_marks, None)
