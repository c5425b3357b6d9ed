"""Does a mission file that several people changed at once say the same on every machine, and lose nobody's word?"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import reduce
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from missions import frontmatter
from missions.document import MAX_FILE_BYTES, RESULT_MARK, append_result, with_fields
from missions.frontmatter import Malformed
from missions.merging.file_diff import FILE, HEAD, TEXT, changed_parts, has_value, overwritten_values
from missions.merging.merge import Merged, merge, resolve_versions
from missions.merging.merge_state import NO_STAMP, MergeState, Stamp, StampedVersion
from missions.merging.parsed_file import parse_file
from tests.missions.matters import matters

BASE = """\
---
# what the log-in does
title: Fix the log-in   # short
project: shop
to: [desktop, gpu]
priority: 1  # low

# limits
timeout_seconds: 60
---
Log-in fails.

Reproduce it.

Add a test.
"""
ANN, BEN = (2, 0, "ann"), (1, 0, "ben")


def replaced(*pairs: tuple[str, str], text: str = BASE) -> bytes:
    """The text with some words replaced, each of which must be there."""
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    return text.encode()


def both(ours: bytes, theirs: bytes, base: bytes | None = BASE.encode()) -> Merged:
    """Ann's (newer) and Ben's (older) edits merged, the same from either side."""
    one, two = StampedVersion.of(ours, ANN), StampedVersion.of(theirs, BEN)
    merged = merge(base, one, two)
    assert merge(base, two, one) == merged
    return merged


def lost(merged: Merged) -> list[tuple[str, str | None, str | None]]:
    """What was not kept."""
    return [(one.part, one.kept, one.lost) for one in merged.conflicts]


# -- random histories ----------------------------------------------------------------------------------------------

Change = Callable[[str], str]


def swap(old: str, new: str) -> Change:
    """Replaces words where they are there."""
    return lambda text: text.replace(old, new, 1)


CHANGES: list[Change] = [
    *(swap("priority: 1", f"priority: {n}") for n in (2, 3, 4)),
    *(swap("# low", f"# {word}") for word in ("high", "middle")),
    *(swap("gpu]", f"gpu, {word}]") for word in ("vps", "laptop")),
    swap("desktop, ", ""),
    swap("to: [desktop, gpu]\n", ""),
    swap("to: [desktop, gpu]", "to:\n  - gpu # fast\n  - hq"),
    swap("title: Fix the log-in   # short", "title: Mend it"),
    swap("title: Fix the log-in   # short\n", ""),
    swap("# limits\n", "# limits\nmax_retries: 2\n"),
    swap("# limits\n", "# none\n"),
    swap("project: shop\n", "project: shop\n# who\nagent: builtin\n"),
    swap("Log-in fails.", "Log-in fails on Mondays."),
    swap("Log-in fails.", "It fails."),
    swap("Reproduce it.\n", "Reproduce it.\n\nFix it.\n"),
    swap("Add a test.\n", "Add a test.\nAnd another.\n"),
    swap("Add a test.\n", "Add a test.\nTell Ann.\n"),
    swap("Add a test.\n", ""),
    swap("---\nLog", "status: failed\nepoch: 1\nattempt: 1\n---\nLog"),
    swap("---\nLog", "status: cancelled\n---\nLog"),
    lambda text: append_result(with_fields(text, {"status": "failed", "epoch": 2}), "### Attempt 1\n\nit broke"),
    lambda text: text.replace("---\nLog", "title: [\n---\nLog", 1),
]
"""What people, and nodes, do to the file."""


@st.composite
def edits(draw: st.DrawFn) -> str:
    """The base after some changes."""
    return reduce(lambda text, change: change(text), draw(st.lists(st.sampled_from(CHANGES), max_size=4)), BASE)


@st.composite
def replicas(draw: st.DrawFn, count: int) -> list[MergeState]:
    """Machines that each changed the base without hearing of the others, some of them at the same moment."""
    stamps = st.sampled_from([NO_STAMP, (1, 0, "a"), (1, 0, "b"), (2, 0, "a"), (3, 1, "c")])
    return [MergeState.of(BASE.encode(), StampedVersion.of(draw(edits()).encode(), draw(stamps))) for _ in range(count)]


@given(replicas(3))
def test_joining_is_commutative_associative_and_idempotent(states: list[MergeState]) -> None:
    """Three machines that hear of each other in any order, any grouping, any number of times: the same bytes."""
    a, b, c = states
    files = {resolve_versions(reduce(MergeState.join, order)).data for order in permutations(states)}
    files |= {
        resolve_versions(a.join(b.join(c))).data,
        resolve_versions(a.join(b).join(c)).data,
        resolve_versions(a.join(b).join(c).join(a)).data,
    }
    assert len(files) == 1
    assert a.join(a) == a
    assert resolve_versions(a.join(b)) == resolve_versions(b.join(a))


@given(replicas(4), st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=8), st.randoms())
def test_machines_that_gossip_in_any_order_end_with_the_same_file(
    states: list[MergeState], gossip: list[tuple[int, int]], chance: object
) -> None:
    """Whoever tells whom first: once all have heard of all, all files are equal."""
    heard = list(states)
    for teller, hearer in gossip:
        heard[hearer] = heard[hearer].join(heard[teller])
    everything = reduce(MergeState.join, heard)
    assert {resolve_versions(one.join(everything)).data for one in heard} == {
        resolve_versions(reduce(MergeState.join, states)).data
    }


@given(edits(), edits())
def test_a_merge_is_symmetric_and_idempotent(one: str, two: str) -> None:
    """Whoever merges; and what is merged already stays as it is."""
    merged = both(one.encode(), two.encode())
    again = merge(BASE.encode(), StampedVersion.of(merged.data, ANN), StampedVersion.of(merged.data, BEN))
    assert again.data == merged.data
    assert again.conflicts == ()


@given(edits(), st.sampled_from([ANN, NO_STAMP]))
def test_an_edit_against_nothing_is_taken_byte_for_byte(edit: str, stamp: Stamp) -> None:
    """Comments, order, spacing and line breaks stay where only one side wrote."""
    merged = merge(BASE.encode(), StampedVersion.of(edit.encode(), stamp), StampedVersion.of(BASE.encode(), BEN))
    assert merged.data == edit.encode()
    assert merged.conflicts == ()


def words(text: str) -> set[str]:
    """The words of a text, without what separates them in lists."""
    return set(re.split(r"[\s\[\],]+", text))


@given(edits(), edits())
def test_no_line_is_lost(one: str, two: str) -> None:
    """Every word that a side wrote anew stands in the file or in a conflict."""
    merged = both(one.encode(), two.encode())
    told = words(merged.data.decode() + "".join(f"\n{c.lost}" for c in merged.conflicts))
    assert (words(one) | words(two)) - words(BASE) <= told


PARTS = ["priority", "timeout_seconds", "title", "project"]


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(PARTS), st.integers(1, 3)), min_size=3, max_size=3))
def test_merges_of_merges_come_to_the_same_fields(writes: list[tuple[str, int]]) -> None:
    """Text by text, as Git merges: since each field keeps its own stamp, the grouping does not matter."""
    versions = [
        StampedVersion.of(frontmatter.write(BASE, {part: n * 10 + who}).encode(), (n, who, "x"))
        for who, (part, n) in enumerate(writes)
    ]

    def chained(order: tuple[StampedVersion, ...]) -> bytes:
        merged = merge(BASE.encode(), order[0], order[1])
        first = StampedVersion.of(merged.data, max(order[0].stamp, order[1].stamp), merged.stamps)
        return merge(BASE.encode(), first, order[2]).data

    assert len({chained(order) for order in permutations(versions)}) == 1


@given(matters())
def test_the_pieces_of_a_file_are_the_file(written: object) -> None:
    """Whatever style: taking apart and putting together changes no byte, or the file is not taken apart at all."""
    data = written.text.encode()  # type: ignore[attr-defined]
    try:
        anatomy = parse_file(data)
    except Malformed:
        return
    assert anatomy.print().encode() == data


@given(matters(), matters(), matters())
def test_a_merge_of_any_three_files_ends(base: object, one: object, two: object) -> None:
    """It raises nothing, is the same from both sides, and never ends in what cannot be read if both could be."""
    texts = [each.text.encode() for each in (base, one, two)]  # type: ignore[attr-defined]
    merged = both(texts[1], texts[2], texts[0])
    if readable(texts[1]) and readable(texts[2]):
        assert readable(merged.data)


@given(st.binary(max_size=60), st.binary(max_size=60), st.binary(max_size=60))
def test_a_merge_of_any_bytes_ends(base: bytes, one: bytes, two: bytes) -> None:
    """Binary files, half a front matter: one side's bytes as they were, the other's in a conflict."""
    merged = both(one, two, base)
    if one not in (two, base) and two != base and merged.data not in (one, two):
        assert readable(merged.data)


def readable(data: bytes) -> bool:
    """Whether it has a front matter that can be taken apart."""
    try:
        parse_file(data)
    except Malformed:
        return False
    return True


# -- the numbered cases ----------------------------------------------------------------------------------------------


def test_a_person_and_a_node_keep_both_edits() -> None:
    """Cases 2 and 6: the node's fields and result, the person's words, comment and priority, each where it was."""
    node = append_result(with_fields(BASE, {"status": "failed", "epoch": 1}), "### Attempt 1\n\nit broke")
    words = ("priority: 1  # low", "priority: 7  # urgent now"), ("Reproduce it.", "Reproduce it on Mondays.")
    merged = both(replaced(*words), node.encode())
    assert merged.conflicts == ()
    assert merged.data == replaced(*words, text=node)


def test_a_comment_of_one_and_a_value_of_the_other_both_stay() -> None:
    """Case 2: what stands around a value is a register of its own."""
    merged = both(replaced(("priority: 1", "priority: 5")), replaced(("# low", "# as Ben said")))
    assert merged.data == replaced(("priority: 1  # low", "priority: 5  # as Ben said"))
    assert merged.conflicts == ()


def test_lists_have_what_either_added_without_what_either_took_out() -> None:
    """Case 3, and nobody lost."""
    merged = both(replaced(("[desktop, gpu]", "[gpu, vps]")), replaced(("[desktop, gpu]", "[desktop, gpu, hq]")))
    assert merged.data == replaced(("[desktop, gpu]", "[gpu, hq, vps]"))
    assert merged.conflicts == ()


def test_a_list_that_one_took_out_and_the_other_added_to_has_the_addition() -> None:
    """Case 3: taking the field out takes out the base's words only."""
    merged = both(replaced(("to: [desktop, gpu]\n", "")), replaced(("gpu]", "gpu, hq]")))
    assert b"to: [hq]\n" in merged.data


def test_of_two_values_the_newer_is_kept_and_the_other_told() -> None:
    """Case 4, with whose each was."""
    merged = both(replaced(("priority: 1", "priority: 2")), replaced(("priority: 1", "priority: 9")))
    assert b"priority: 2  # low" in merged.data
    assert lost(merged) == [("priority", "2", "9")]
    assert (merged.conflicts[0].kept_by, merged.conflicts[0].lost_by) == (ANN, BEN)


def test_without_stamps_the_value_that_sorts_last_is_kept() -> None:
    """Case 4 in a merge driver, which knows no times: the same winner in both clones."""
    one, two = (StampedVersion.of(replaced(("priority: 1", f"priority: {n}"))) for n in (2, 9))
    merged = merge(BASE.encode(), one, two)
    assert merge(BASE.encode(), two, one) == merged
    assert lost(merged) == [("priority", "9", "2")]


def test_a_field_that_one_took_out_and_the_other_changed_is_a_conflict() -> None:
    """Case 4: absence is a value, too."""
    merged = both(replaced(("priority: 1  # low\n", "")), replaced(("priority: 1", "priority: 9")))
    assert b"priority" not in merged.data
    assert lost(merged)[0] == ("priority", None, "9")


@pytest.mark.parametrize(("status", "kept"), [("queued", "failed"), ("cancelled", "cancelled"), ("done", "done")])
def test_a_nodes_field_follows_the_epoch_but_a_persons_end_is_final(status: str, kept: str) -> None:
    """Case 5: a newer stamp does not undo an attempt; calling a mission off does, whenever it was said."""
    base = with_fields(BASE, {"status": "running", "epoch": 1})
    person = with_fields(base, {"status": status}).encode()
    merged = both(person, with_fields(base, {"status": "failed", "epoch": 2}).encode(), base.encode())
    assert f"status: {kept}\n".encode() in merged.data
    assert len(merged.conflicts) == 1


def test_of_two_wordings_of_one_line_the_newer_stands_and_the_other_is_told() -> None:
    """Case 6."""
    merged = both(replaced(("Log-in fails.", "It fails.")), replaced(("Log-in fails.", "All is lost.")))
    assert merged.data == replaced(("Log-in fails.", "It fails."))
    assert lost(merged) == [(TEXT, "It fails.", "All is lost.")]


def test_comments_that_cannot_both_stand_are_told() -> None:
    """Case 6: a comment line is a person's word as well."""
    merged = both(replaced(("# limits", "# none")), replaced(("# limits", "# all")))
    assert lost(merged) == [(HEAD, "# none", "# all")]


def test_new_fields_of_both_stand_once() -> None:
    """Case 6: both added fields at the same place, one of them the same."""
    one = replaced(("project: shop\n", "project: shop\nmax_retries: 2\nagent: builtin\n"))
    two = replaced(("project: shop\n", "project: shop\n# twice\nmax_retries: 2\n"))
    text = both(one, two).data.decode()
    assert text.count("max_retries: 2\n") == 1
    assert "# twice\n" in text
    assert "agent: builtin\n" in text


@pytest.mark.parametrize(
    "broken", [b"---\ntitle: [\n---\nx\n", b"---\nno end\n", b"\xff\xfe", b"a\0b", b"x" * (MAX_FILE_BYTES + 1)]
)
def test_a_side_that_cannot_be_read_does_not_win(broken: bytes) -> None:
    """Case 7: the other side's file as it is, and the broken one whole in a conflict."""
    good = replaced(("priority: 1", "priority: 2"))
    merged = both(broken, good)
    assert merged.data == good
    assert [(c.part, c.lost) for c in merged.conflicts] == [(FILE, broken.decode("utf-8", "backslashreplace"))]


def test_two_missions_of_one_name_are_not_blended() -> None:
    """Case 7: nothing in common, so the newer keeps the name."""
    merged = both(b"water the plants\n", b"feed the cat\n", None)
    assert merged.data == b"water the plants\n"
    assert [(c.part, c.lost) for c in merged.conflicts] == [(FILE, "feed the cat\n")]


def test_a_front_matter_that_one_side_added_goes_with_the_others_words() -> None:
    """A file of one sentence that a node wrote into while the person went on writing."""
    node = append_result(with_fields("do it\n", {"status": "failed"}), "### Attempt 1")
    merged = both(b"do it\n\nwith care\n", node.encode(), b"do it\n")
    assert merged.data.decode().startswith(f"---\nstatus: failed\n---\ndo it\n\nwith care\n\n{RESULT_MARK}\n")


def test_line_breaks_of_another_system_stay() -> None:
    """CRLF files merge as CRLF files."""
    base = BASE.replace("\n", "\r\n")
    one = base.replace("Add a test.", "Add two tests.")
    two = base.replace("gpu]", "gpu, vps]").replace("Log-in fails.", "Log-in fails at noon.")
    merged = both(one.encode(), two.encode(), base.encode())
    assert merged.data.count(b"\n") == merged.data.count(b"\r\n") == base.count("\n")
    assert merged.conflicts == ()


def test_what_a_writer_did_not_keep_is_named() -> None:
    """For who writes fields over a newer file: what that file had changed since and is gone."""
    base, result = BASE.encode(), replaced(("priority: 1", "priority: 3"), ("shop", "mill"))
    theirs = replaced(("priority: 1", "priority: 2"), ("shop", "mill"), ("60", "90"))
    told = [(c.part, c.kept, c.lost) for c in overwritten_values(base, theirs, result)]
    assert told == [("priority", "3", "2"), ("timeout_seconds", "60", "90")]
    assert overwritten_values(base, base, result) == ()


def test_the_parts_that_a_commit_changed_are_named() -> None:
    """By field, text and result."""
    assert changed_parts(BASE.encode(), replaced(("priority: 1", "priority: 3"), ("Add", "Write"))) == {
        "priority",
        TEXT,
    }
    assert changed_parts(BASE.encode(), b"\xff") == {FILE}


def test_whose_a_value_is_can_be_told() -> None:
    """For who only has the two files: one of them has the value, as a conflict names it."""
    mine, theirs = replaced(("priority: 1", "priority: 3")), replaced(("Add", "Write"))
    assert has_value(mine, "priority", "3")
    assert not has_value(theirs, "priority", "3")
    assert has_value(theirs, TEXT, "Write a test.")
    assert has_value(mine, "scope", None)
    assert has_value(b"\xff", FILE, "\\xff")
