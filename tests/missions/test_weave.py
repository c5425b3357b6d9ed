"""Do several edits of one text end in one text that has them all, in whatever order they come?"""

from __future__ import annotations

from itertools import permutations

from hypothesis import given, settings
from hypothesis import strategies as st

from missions.merging.line_merge import MAX_LINE_PAIRS, Hunk, hunks, lines_of, merge_hunks

LINES = st.lists(st.sampled_from(["a\n", "b\n", "c\n", "\n"]), max_size=8).map(tuple)


@given(st.text(alphabet="ab\r\n", max_size=20))
def test_lines_joined_are_the_text(text: str) -> None:
    """Nothing is dropped or added, with or without a line break at the end."""
    assert "".join(lines_of(text)) == text


@given(LINES, LINES)
def test_the_hunks_of_one_version_give_that_version(base: tuple[str, ...], new: tuple[str, ...]) -> None:
    """What differs, put into the base, is the version, and nothing is lost."""
    assert merge_hunks(base, [((1,), hunk) for hunk in hunks(base, new)]) == (new, [])


@settings(deadline=None)
@given(LINES, st.lists(LINES, min_size=2, max_size=3))
def test_the_order_of_versions_does_not_matter(base: tuple[str, ...], versions: list[tuple[str, ...]]) -> None:
    """A set of edits has one result."""
    edits = [((rank,), hunk) for rank, new in enumerate(versions) for hunk in hunks(base, new)]
    results = {
        (merge_hunks(base, order)[0], frozenset(merge_hunks(base, order)[1])) for order in permutations(edits[:5])
    }
    assert len(results) == 1


@settings(deadline=None)
@given(LINES, LINES, LINES)
def test_what_is_not_taken_is_reported(base: tuple[str, ...], one: tuple[str, ...], two: tuple[str, ...]) -> None:
    """Every line that a version added stands in the result or among the lost."""
    edits = [((rank,), hunk) for rank, new in enumerate([one, two]) for hunk in hunks(base, new)]
    woven, lost = merge_hunks(base, edits)
    told = [line for gone in lost for line in gone.hunk.lines]
    for _, hunk in edits:
        assert all(line in woven or line in told for line in hunk.lines)


def test_two_people_who_add_at_the_end_are_both_heard() -> None:
    """The older one's lines come first."""
    base = ("a\n",)
    edits = [((2,), Hunk(1, 1, ("new\n",))), ((1,), Hunk(1, 1, ("old\n",)))]
    assert merge_hunks(base, edits) == (("a\n", "old\n", "new\n"), [])


def test_an_insertion_that_another_one_contains_counts_once() -> None:
    """Somebody added one line; somebody else the same one and one more."""
    edits = [((1,), Hunk(1, 1, ("x\n",))), ((2,), Hunk(1, 1, ("x\n", "y\n")))]
    assert merge_hunks(("a\n",), edits) == (("a\n", "x\n", "y\n"), [])


def test_of_two_changes_of_one_line_the_newer_is_taken() -> None:
    """The other one is handed back, with whose it was."""
    woven, lost = merge_hunks(("a\n", "b\n"), [((1,), Hunk(0, 1, ("old\n",))), ((2,), Hunk(0, 1, ("new\n",)))])
    assert woven == ("new\n", "b\n")
    assert [(one.hunk.lines, one.rank, one.winner.lines) for one in lost] == [(("old\n",), (1,), ("new\n",))]


def test_a_text_made_to_cost_hours_is_one_hunk() -> None:
    """Comparing grows with the product of the lines; beyond the roof the middle is replaced as a whole."""
    size = int(MAX_LINE_PAIRS**0.5) + 10
    base, new = ("x\n",) + ("\n",) * size + ("y\n",), ("z\n",) + ("\n",) * size + ("w\n",)
    assert hunks(base, new) == (Hunk(0, len(base), new),)
