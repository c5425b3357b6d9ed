"""Facts about appending to, merging and rotating logs."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handoff.entry import Entry, parse_log, render_entry
from handoff.errors import BadMonth
from handoff.log import PREAMBLE, altered_entries, append, append_many, rotate, union
from handoff.marks.model_mark import PROPOSED, ModelMark

PROSE = [
    "",
    "# Log\n\n",
    "# Log\nwords",
    "# Log\r\n\r\n",
    "notes\n```\nopen\n\n",
    "```\n### Session: May 1, 2026\n```\n",
]


def entry(number: int, said: str = "fact") -> Entry:
    """An entry whose month follows from its number."""
    return Entry(
        entry_id=f"e{number}",
        when=f"2026-{1 + number % 9:02}-{1 + number % 5:02}T00:00:{number % 60:02}Z",
        node="n",
        agent="a",
        model="m",
        mission="x",
        sections=(("Work Accomplished", f"{said} {number}"), ("Blockers", "## no heading\n```")),
    )


NUMBERS = st.lists(st.integers(0, 30), max_size=6, unique=True)
LOGS = st.builds(lambda prose, numbers: append_many(prose, map(entry, numbers)), st.sampled_from(PROSE), NUMBERS)
VERSIONS = st.builds(
    lambda numbers, said: append_many("", [entry(number, said) for number in numbers]),
    st.lists(st.integers(0, 3), max_size=4, unique=True),
    st.sampled_from(["fact", "fiction", "lie"]),
)


def ids(text: str) -> set[str]:
    """The ids of the entries in a log."""
    return {one.entry_id for one in parse_log(text).entries}


def facts(text: str) -> set[str]:
    """What the entries of a log say, under whatever id."""
    return {one.section("Work Accomplished") for one in parse_log(text).entries}


@given(LOGS, st.integers(0, 30))
@settings(deadline=None)
def test_appending_twice_is_appending_once(text: str, number: int) -> None:
    """An id that is in the log already changes nothing; otherwise the old text stays and the entry is last."""
    once = append(text, entry(number))
    assert append(once, entry(number)) == once
    assert ids(once) == ids(text) | {f"e{number}"}
    assert once.startswith(text)
    assert altered_entries(text, once) == []


def test_an_empty_log_is_given_a_preamble() -> None:
    """The first entry stands below what the file is for."""
    assert append("", entry(1)) == PREAMBLE + render_entry(entry(1))


def test_a_log_with_windows_line_breaks_keeps_them() -> None:
    """What is appended has the line breaks that the file has."""
    text = append(append("# Log\r\n", entry(1)), entry(2))
    assert not re.search(r"(?<!\r)\n", text)
    assert parse_log(text).entries == (entry(1), entry(2))


def test_a_changed_copy_is_written_as_changed() -> None:
    """Appending a copy with a secret taken out writes the copy, not the source it was read from."""
    read = parse_log(render_entry(entry(1, said="secret"))).entries[0]
    clean = replace(read, sections=(("Work Accomplished", "[redacted]"),))
    assert "secret" not in append("", clean)
    assert render_entry(read) in append("", read)


@given(LOGS, LOGS, LOGS)
def test_union_has_every_entry_once_and_is_symmetric(base: str, ours: str, theirs: str) -> None:
    """Cases 1 to 3: no entry of any side is lost or doubled, and it does not matter which side is called ours."""
    merged = union(base, ours, theirs)
    assert merged == union(base, theirs, ours)
    if ours != theirs:
        found = [one.entry_id for one in parse_log(merged).entries]
        assert sorted(found) == sorted(ids(base) | ids(ours) | ids(theirs))


MARKED = st.lists(
    st.tuples(st.integers(0, 6), st.sampled_from(["", str(PROPOSED), str(ModelMark(confirmed_by="ana"))])), max_size=5
)


@given(MARKED, MARKED, MARKED)
@settings(deadline=None)
def test_no_union_loses_the_mark_of_a_line(
    base: list[tuple[int, str]], ours: list[tuple[int, str]], theirs: list[tuple[int, str]]
) -> None:
    """Of an entry that sides have with and without a mark, each wording is kept: nothing becomes somebody's word."""
    old = append_many("", [entry(number, f"fact {mark}") for number, mark in base])
    sides = [append_many(old, [entry(number, f"fact {mark}") for number, mark in side]) for side in (ours, theirs)]
    assert facts(union(old, *sides)) == facts(sides[0]) | facts(sides[1])


@given(LOGS, LOGS)
@settings(deadline=None)
def test_union_is_idempotent(base: str, ours: str) -> None:
    """Two equal sides are the answer, and merging the answer with a side again adds nothing."""
    assert union(base, ours, ours) == ours
    merged = union(base, ours, base)
    assert ids(union(base, merged, ours)) == ids(merged)
    assert union(merged, merged, ours) == union(merged, ours, merged)


@given(VERSIONS, VERSIONS, VERSIONS)
@settings(deadline=None)
def test_union_is_associative_even_if_ids_collide(one: str, two: str, three: str) -> None:
    """Case 4: three nodes end with the same entries, each fact still there, whichever two meet first."""
    left, right = union("", union("", one, two), three), union("", one, union("", two, three))
    assert ids(left) == ids(right)
    assert facts(left) == facts(right) == facts(one) | facts(two) | facts(three)


@given(LOGS, NUMBERS, NUMBERS)
@settings(deadline=None)
def test_union_keeps_the_order_there_was_and_sorts_what_is_new(base: str, ours: list[int], theirs: list[int]) -> None:
    """Case 3: the base's entries first, in their order; then the new ones by time and id."""
    sides = (append_many(base, map(entry, ours)), append_many(base, map(entry, theirs)))
    old = [one.entry_id for one in parse_log(base).entries]
    if sides[0] == sides[1]:
        return
    merged = parse_log(union(base, *sides)).entries
    new = merged[len(old) :]
    assert [one.entry_id for one in merged[: len(old)]] == old
    assert list(new) == sorted(new, key=lambda one: (one.when, one.entry_id))


def test_a_truncated_log_does_not_win() -> None:
    """Case 1: a side that lost all but one of its entries takes none from the result."""
    base = append_many("", map(entry, range(20)))
    assert ids(union(base, append("", entry(3)), append(base, entry(25)))) == {f"e{n}" for n in (*range(20), 25)}


def test_one_sides_correction_is_taken() -> None:
    """Case 2: if only one side changed the words of an entry, those words stand."""
    base = append_many("", map(entry, range(3)))
    corrected = base.replace("fact 1", "better fact 1")
    assert facts(union(base, corrected, append(base, entry(4)))) == {"fact 0", "better fact 1", "fact 2", "fact 4"}


def test_two_versions_of_an_entry_are_both_kept() -> None:
    """Case 4: the greater text keeps the id, the other is found under an id made from it; merging again adds none."""
    base = append("", entry(1))
    ours, theirs = base.replace("fact", "our fact"), base.replace("fact", "their fact")
    merged = union(base, ours, theirs)
    assert facts(merged) == {"our fact 1", "their fact 1"}
    assert [one.entry_id.partition("~")[0] for one in parse_log(merged).entries] == ["e1", "e1"]
    assert facts(union(ours, merged, ours)) == facts(merged)


def test_text_between_entries_is_merged_too() -> None:
    """Words that both sides wrote around the entries are both in the result."""
    base = append_many("# Log\n\n", [entry(1)])
    merged = union(base, "# Ours\n" + base, base + "\n## Theirs\n\nA remark.\n")
    assert "# Ours" in merged
    assert "A remark." in merged
    both = union(base, base.replace("# Log", "# Our log"), base.replace("# Log", "# Their log"))
    assert "# Our log" in both
    assert "# Their log" in both


def test_a_foreign_entry_is_merged_as_it_stands() -> None:
    """An entry of another shape keeps its words and its id on the way through a merge."""
    foreign = "### Session: May 4, 2026 - Instance #3 (Try)\n\n**Next Steps:**\n1. Go on\n"
    base = append("", entry(1))
    merged = union(base, append(base, entry(2)), base + "\n" + foreign)
    assert foreign.strip() in merged
    assert ids(merged) == {"e1", "e2"} | ids(foreign)


def test_altered_names_what_was_changed_or_removed() -> None:
    """A changed word and a missing entry are named; other line breaks are no change."""
    text = append_many("", map(entry, range(4)))
    assert altered_entries(text, append(text, entry(9)).replace("\n", "\r\n")) == []
    assert altered_entries(text, text.replace("fact 2", "fact two")) == ["e2"]
    assert altered_entries(text, append_many("", map(entry, (0, 1, 3)))) == ["e2"]


@given(LOGS, st.sampled_from(["2026-01", "2026-05", "2027-01"]))
@settings(deadline=None)
def test_rotation_loses_nothing(text: str, month: str) -> None:
    """Each entry is in exactly one place, older months are out, and rotating again moves nothing."""
    kept, months = rotate(text, month)
    assert sorted(one for part in (kept, *months.values()) for one in ids(part)) == sorted(ids(text))
    assert all(name < month for name in months)
    assert all(one.when[:7] == name for name, part in months.items() for one in parse_log(part).entries)
    assert rotate(kept, month) == (kept, {})
    assert (
        altered_entries(text, append_many(kept, [one for part in months.values() for one in parse_log(part).entries]))
        == []
    )


def test_rotation_leaves_remarks_and_undated_entries() -> None:
    """What stands between entries, and an entry of no known date, stay in the log."""
    text = (
        append("# Log\n", entry(1)) + "\n## Remark\n\nStays.\n\n### Current Session (Instance #N - YYYY-MM-DD)\n\nx\n"
    )
    kept, months = rotate(text, "2027-01")
    assert "Stays." in kept
    assert "YYYY-MM-DD" in kept
    assert set(months) == {"2026-02"}


def test_a_month_must_be_a_month() -> None:
    """A word that is no month is refused rather than compared."""
    with pytest.raises(BadMonth):
        rotate("", "November")
