"""Whose words come back from a pull request, how often, and what ends the loop?"""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from missions.mission import MAX_FEEDBACK_CHARS
from orchestrator.core.ports.forge import ForgeCheck, ForgeComment, PullRequest
from orchestrator.policy.forge_feedback import Feedback, comment_mark, feedback_on, with_marks

PULL = PullRequest(number=1, url="https://x/1", state="open", head="approved/m", commit="a" * 40, base="main")
RED = ForgeCheck(name="build", state="red", says="1 test failed")
GREEN, RUNNING = ForgeCheck(name="lint", state="green"), ForgeCheck(name="slow", state="running")


def said(author: str = "anna", body: str = "rename it", ident: str = "comment-1", **more: object) -> ForgeComment:
    """A comment."""
    made = ForgeComment(ident=ident, author=author, body=body, updated="2026-11-21T12:00:00Z")
    return replace(made, **more)  # type: ignore[arg-type]  # any of them


def on(
    *comments: ForgeComment,
    checks: tuple[ForgeCheck, ...] = (),
    conflicts: bool | None = None,
    seen: str = "",
    rounds: int = 0,
    whole: bool = True,
    pushed: str = "a" * 40,
) -> Feedback | None:
    """What comes back, where anna and rev are named and three rounds may be."""
    return feedback_on(
        replace(PULL, checks=checks, conflicts=conflicts),
        comments,
        people=["Anna", "rev"],
        seen=frozenset(seen.split()),
        rounds=rounds,
        max_rounds=3,
        pushed=pushed,
        whole=whole,
    )


def test_a_named_persons_words_come_back() -> None:
    """With the place that they are about; whatever the case of their name."""
    found = on(said("ANNA", path="docs/a.md", line=3))
    assert found is not None
    assert found.text == "ANNA on docs/a.md:3: rename it"
    assert not found.stop


@pytest.mark.parametrize(
    "comment",
    [
        said("eve", "approve"),
        said("eve", "@anna said: rename it"),
        said("anna", bot=True),
        said("anna[bot]"),
        said(""),
        said("anna ", "/approve"),
        said("anna", "<!-- shiftbook:m -->\nMission `m`"),
        said("аnna"),  # a Cyrillic a
    ],
)
def test_nobody_elses_words_start_anything(comment: ForgeComment) -> None:
    """Strangers, bots, names that look alike, and what this program wrote itself."""
    assert on(comment) is None


def test_green_and_unfinished_checks_are_no_feedback() -> None:
    """Nor is a pull request that nobody has checked yet."""
    assert on() is None
    assert on(checks=(GREEN, RUNNING)) is None
    assert on(checks=(GREEN,), conflicts=False) is None


def test_red_waits_for_the_rest_but_not_for_ever() -> None:
    """One round takes in all that is red."""
    assert on(checks=(RED, RUNNING), whole=False) is None
    found = on(checks=(RED, RUNNING), whole=True)
    assert found is not None
    assert found.text == "The check build is red on aaaaaaaaaa.\n1 test failed"


def test_red_of_another_commit_is_nobodys_failure_here() -> None:
    """Somebody else pushed: what the agent did is not what failed."""
    assert on(checks=(RED,), pushed="b" * 40) is None


def test_nothing_comes_back_twice() -> None:
    """A word that was heard is not heard again, unless it was edited; a new one is."""
    first = on(said())
    assert first is not None
    seen = with_marks("", first.marks)
    assert on(said(), seen=seen) is None
    assert on(said(body="no, like this", updated="later"), seen=seen) is not None
    second = on(said(), said(ident="comment-2", body="and that"), seen=seen)
    assert second is not None
    assert second.text == "anna: and that"


def test_a_failure_that_an_attempt_left_as_it_was_ends_the_loop() -> None:
    """The same check says the same again, on another commit: a person is needed, and nothing begins."""
    first = on(checks=(RED,))
    assert first is not None
    again = on(checks=(RED,), seen=with_marks("", first.marks), rounds=1)
    assert again is not None
    assert (again.text, again.marks) == ("", ())
    assert "build is red again after the last attempt" in again.stop
    other = on(checks=(replace(RED, says="2 tests failed"),), seen=with_marks("", first.marks), rounds=1)
    assert other is not None
    assert not other.stop


def test_rounds_have_an_end() -> None:
    """Whatever people say after it: they are told that a person is needed."""
    found = on(said(), checks=(RED,), conflicts=True, rounds=3)
    assert found is not None
    assert found.stop.startswith("3 of 3 rounds of feedback are spent")
    assert "build is red, it has a conflict, anna wrote" in found.stop
    assert found.text == ""


def test_a_conflict_comes_back_once_for_each_commit() -> None:
    """An attempt starts from the default branch as it is then."""
    first = on(conflicts=True)
    assert first is not None
    assert first.text.startswith("It conflicts with main as it is now.")
    assert on(conflicts=True, seen=with_marks("", first.marks)) is None
    assert on(conflicts=None) is None


@given(st.lists(st.builds(said, ident=st.uuids().map(str), body=st.text(max_size=9000)), max_size=40))
def test_what_comes_back_is_bounded(comments: list[ForgeComment]) -> None:
    """However much was written; and what was too much this time has no mark yet, so that it comes the next time."""
    found = on(*comments)
    assert (found is None) == (not comments)
    if found is not None:
        assert len(found.text) <= MAX_FEEDBACK_CHARS
        assert len(found.marks) == min(len(comments), 30)
        assert {*found.marks} <= {*map(comment_mark, comments)}


@given(st.lists(st.from_regex(r"[crx][0-9a-f]{12}", fullmatch=True), max_size=400))
def test_marks_fit_their_field(marks: list[str]) -> None:
    """The newest are kept."""
    kept = with_marks("c000000000000", marks)
    assert len(kept) <= 4000
    assert not marks or kept.split()[-1] in marks


def test_what_did_not_fit_comes_back_in_the_next_round() -> None:
    """Only what the attempt was given counts as read, and what is red leaves room for people."""
    long = tuple(ForgeCheck(name=f"job {number}", state="red", says="x" * 1500) for number in range(10))
    words = [said(body=f"{number} " + "w" * 3990, ident=f"comment-{number}") for number in range(6)]
    seen, told = "", list[int]()
    for _ in range(6):
        found = on(*words, checks=long, seen=seen)
        if found is None or found.stop:
            break
        assert len(found.text) <= MAX_FEEDBACK_CHARS
        told += [each for each in range(6) if f"anna: {each} w" in found.text]
        seen = with_marks(seen, found.marks)
    assert told == [0, 1, 2, 3, 4, 5]


def test_a_check_is_told_with_its_address() -> None:
    """Many say nothing but that they failed: their log is one step away."""
    found = on(checks=(replace(RED, says="failure", url="https://x/runs/1"),))
    assert found is not None
    assert found.text.endswith("is red on aaaaaaaaaa.\nfailure\nhttps://x/runs/1")
