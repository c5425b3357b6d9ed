"""Facts about executive memos."""

from __future__ import annotations

from dataclasses import replace

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from handoff.errors import BadId, BadTime, MemoUnreadable
from handoff.markdown import tidy
from handoff.memo import MAX_SUMMARY_CHARS, Memo, memo_from_result, memo_path, parse_memo, render_memo, told_creation
from missions.archive_path import dated_path, day_of

ODD = st.sampled_from(
    ["## Key findings", "- x", "---", "```", "> q", "a: b", "[1, 2]", "\x85", "\u2028", "\x7f", "🏭", "ü"]
)
TEXT = st.one_of(ODD, st.text(max_size=20))
LINE = TEXT.map(lambda text: " ".join(text.split())).filter(bool)
LINES = st.lists(LINE, max_size=3).map(tuple)
MEMOS = st.builds(
    Memo,
    memo_id=st.from_regex(r"[a-z0-9][a-z0-9._-]{0,12}", fullmatch=True),
    node=TEXT,
    mission=TEXT,
    task=TEXT,
    summary=st.lists(TEXT, max_size=3).map(lambda lines: tidy("\n".join(lines))),
    key_findings=LINES,
    lessons_learned=LINES,
    artifacts=st.lists(TEXT, max_size=3).map(tuple),
    promotion_candidate=st.booleans(),
    promotion_tags=st.lists(TEXT, max_size=3).map(tuple),
    created=st.just("2026-11-21T14:32:05Z"),
)
MEMO = Memo(
    memo_id="m1", node="desk", mission="fix", task="coding_task", summary="Fixed.", created="2026-11-21T14:32:05Z"
)


@given(MEMOS)
@settings(deadline=None)
def test_a_memo_reads_back_as_it_was(memo: Memo) -> None:
    """Whatever the fields hold, writing and reading give the same memo."""
    assert parse_memo(render_memo(memo)) == memo


@given(MEMOS)
@settings(deadline=None)
def test_its_time_and_id_are_told_without_reading_it(memo: Memo) -> None:
    """For whatever nodes write; a file in which a line stands twice, or with escapes or other lines' ends, is read."""
    text = render_memo(memo)
    assert told_creation(text) in (None, (memo.created, memo.memo_id))
    if text.isascii():
        assert told_creation(text) == (memo.created, memo.memo_id)
    assert told_creation(text.replace("node:", 'created: "2026"\nnode:', 1)) is None
    assert told_creation(text.replace("-11-", "\\u002d11-", 1)) is None
    assert told_creation(text.replace("\n", "\r\n")) is None
    assert told_creation("") is None


@given(MEMOS)
@settings(deadline=None)
def test_the_front_matter_is_yaml(memo: Memo) -> None:
    """Any YAML reader finds in the front matter what was put there."""
    front = yaml.safe_load(render_memo(memo).split("\n---\n")[0])
    assert front["node"] == memo.node
    assert front["artifacts"] == [*memo.artifacts]
    assert front["promotion_candidate"] is memo.promotion_candidate


@given(st.text())
@settings(deadline=None)
def test_any_text_is_a_memo_or_is_refused(text: str) -> None:
    """Reading what is no memo raises MemoUnreadable and nothing else."""
    for candidate in (text, f"---\n{text}\n---\n", f"---\nmemo_id: a\ncreated: {text}\n---\n"):
        try:
            assert parse_memo(candidate).memo_id
        except MemoUnreadable:
            continue


def test_a_person_may_write_plain_yaml() -> None:
    """Unquoted words, lists of words and wrapped bullet points are read as meant."""
    memo = parse_memo(
        "---\nmemo_id: m1\nnode: desk\ncreated: 2026-11-21T14:32:05Z\npromotion_tags: [auth, tests]\n"
        "promotion_candidate: yes\n---\n# Anything\n\n## Summary\n\nIt works.\n\n## Lessons learned\n\n"
        "* Tokens expire\n  at midnight\n* Log in first\n"
    )
    assert (memo.memo_id, memo.node, memo.promotion_tags, memo.promotion_candidate) == (
        "m1",
        "desk",
        ("auth", "tests"),
        True,
    )
    assert memo.summary == "It works."
    assert memo.lessons_learned == ("Tokens expire at midnight", "Log in first")


def test_a_broken_line_is_named() -> None:
    """The error of a line that is no field says which line it is."""
    with pytest.raises(MemoUnreadable) as caught:
        parse_memo("---\nmemo_id: a\n- what\n---\n")
    assert caught.value.line == 3


def test_a_memo_lies_in_the_folder_of_its_day() -> None:
    """The path follows from month and id, and no id leads out of the folder."""
    assert memo_path(MEMO) == dated_path("memos", day_of(MEMO.created), "m1")
    with pytest.raises(BadId):
        memo_path(replace(MEMO, memo_id="../../x"))
    with pytest.raises(BadTime):
        memo_path(replace(MEMO, created="../2026"))


def result(answer: str, outcome: str = "done") -> Memo:
    """The memo of a mission that answered so."""
    return memo_from_result(
        memo_id="m1",
        node="desk",
        mission="fix-auth",
        title="Fix the auth bug",
        task="coding_task",
        outcome=outcome,
        answer=answer,
        created="2026-11-21T14:32:05Z",
        artifacts=["auth.diff"],
    )


def test_the_summary_is_the_first_three_sentences() -> None:
    """Headings and code are passed over; the fourth sentence is left to the journal."""
    memo = result("# Done\n\n```py\ncode. more.\n```\nOne is 1.5 long.\nTwo? Three! Four.")
    assert memo.summary == "One is 1.5 long. Two? Three!"
    assert memo.artifacts == ("auth.diff",)


def test_findings_and_lessons_come_from_the_answers_lists() -> None:
    """Bullet points under headings that say so are taken over; there are none otherwise."""
    memo = result("All well.\n\n## Findings\n- a\n- b\n\n### Lessons learned:\n1. c\n")
    assert (memo.key_findings, memo.lessons_learned) == (("a", "b"), ("c",))
    assert result("All well.\n- a\n").key_findings == ()


def test_a_failure_is_called_one() -> None:
    """However well the agent speaks of its work, the memo of a failed mission begins with that."""
    assert result("Everything works now.", "failed").summary == "Failed: Everything works now."


def test_no_answer_is_no_lie() -> None:
    """Without an answer the memo says what the mission was and how it ended."""
    assert result("").summary == "Fix the auth bug: done."


def test_a_long_sentence_is_not_cut_inside_a_word() -> None:
    """What is left of a long sentence consists of whole words."""
    words = "extraordinarily " * 60
    summary = result(words).summary
    assert len(summary) <= MAX_SUMMARY_CHARS
    assert {*summary.removesuffix("…").split()} == {"extraordinarily"}


def test_lessons_of_a_model_are_marked_and_what_passed_is_told() -> None:
    """In the memo's own text; a memo of before has neither."""
    args = {"memo_id": "m-1", "node": "n", "mission": "m", "title": "t", "task": "t", "outcome": "done"}
    answer = "Done.\n\n## Lessons\n\n- Wait first\n"
    made = memo_from_result(**args, answer=answer, created="2026-11-20T08:00:00Z", by_model=True, passed=True)  # type: ignore[arg-type]
    assert "- Wait first *(proposed by a model)*" in render_memo(made)
    assert parse_memo(render_memo(made)) == made
    plain = memo_from_result(**args, answer=answer, created="2026-11-20T08:00:00Z")  # type: ignore[arg-type]
    assert (plain.lessons_learned, plain.passed) == (("Wait first",), False)
    assert "passed" not in render_memo(plain)
