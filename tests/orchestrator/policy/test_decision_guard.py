"""Does a node write no word into a mission's file that only a person may say?"""

from __future__ import annotations

import pytest

from orchestrator.policy.decision_guard import forged_decision, in_review

WORDS = {"status": "review", "decision": "approved", "decided_by": "ada"}


def mission(**fields: object) -> bytes:
    """A mission's file."""
    head = "".join(f"{key}: {value}\n" for key, value in fields.items())
    return f"---\n{head}---\nDo it.\n".encode()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {"status": "review"}),
        ({}, {"status": "running"}),
        ({"status": "review"}, {"status": "review", "summary": "more"}),
        ({"status": "review"}, {"status": "failed"}),
        ({"status": "done"}, {"status": "done", "decision": "approved", "decided_by": "ada"}),
        ({}, {"status": "done", "decision": "approved", "decided_by": "policy"}),
        (WORDS, {**WORDS, "status": "review"}),
        ({"decision": "approved", "decided_by": "ada", "status": "done"}, {"status": "done"}),
        ({"rejections": 1, "retries": 2}, {"rejections": 1, "retries": 2, "status": "review"}),
        ({"on_approval": "merge"}, {"status": "review"}),
    ],
    ids=[
        "waits",
        "runs",
        "says more",
        "fails",
        "carried on",
        "by policy",
        "as it was",
        "taken back",
        "counted",
        "dropped",
    ],
)
def test_what_a_node_may_write(before: dict[str, object], after: dict[str, object]) -> None:
    """Its own states, what a person said already, policy's word where nobody was asked; and it may take one back."""
    assert forged_decision(mission(**before), mission(**after)) == ""


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        ({}, {"decision": "approved", "decided_by": "ada"}, "does not say that ada approved it"),
        ({"status": "review"}, WORDS, "does not say that ada approved it"),
        ({}, {"decision": "rejected", "decided_by": "ada"}, "ada rejected it"),
        ({}, {"decision": "rejected", "decided_by": "policy"}, "policy rejected it"),
        (WORDS, {**WORDS, "decided_by": "bob"}, "bob approved it"),
        ({"status": "review"}, {"status": "done"}, "a node does not make it done"),
        ({"status": "review"}, {"status": "queued"}, "a node does not make it queued"),
        ({"status": "review"}, {"status": "cancelled"}, "a node does not make it cancelled"),
        (
            {"status": "review"},
            {"status": "done", "decision": "approved", "decided_by": "policy"},
            "a node does not make it done",
        ),
        ({}, {"rejections": 1}, "does not count rejections"),
        ({"rejections": 2}, {"rejections": 1}, "does not count rejections"),
        ({}, {"retries": 1}, "orders to try it again"),
        ({"retries": 1}, {}, "orders to try it again"),
        ({}, {"on_approval": "merge"}, "what becomes of an approved branch"),
        ({"on_approval": "keep"}, {"on_approval": "merge"}, "what becomes of an approved branch"),
    ],
)
def test_what_only_a_person_may_say(before: dict[str, object], after: dict[str, object], why: str) -> None:
    """Each way to approve, reject, release or try again without one; the reason names the word."""
    assert why in forged_decision(mission(**before), mission(**after))


def test_a_file_that_is_no_mission_lets_nothing_in() -> None:
    """Nobody acts on it; what was none before counts as one that says nothing."""
    assert forged_decision(mission(**WORDS), b"---\nstatus: [\n---\n") == ""
    assert "ada approved it" in forged_decision(
        b"---\nstatus: [\n---\n", mission(decision="approved", decided_by="ada")
    )
    assert "ada approved it" in forged_decision(None, mission(decision="approved", decided_by="ada"))


def test_a_mission_that_was_deleted_while_it_ran_keeps_its_rejection() -> None:
    """It stands in the text that was claimed, and lets nothing in; an approval there would."""
    assert forged_decision(None, mission(rejections=1, decision="rejected", decided_by="ada", status="cancelled")) == ""
    assert forged_decision(None, mission(rejections=1, decision="approved", decided_by="ada")) != ""


def test_who_waits_in_review() -> None:
    """Only a file that says so and can be read."""
    assert in_review(mission(status="review"))
    assert not in_review(mission(status="done"))
    assert not in_review(b"---\nstatus: review\npriority: [\n---\n")


@pytest.mark.parametrize(
    ("before", "after", "forged"),
    [
        ("status: done\nfeedback_rounds: 1", "status: queued\nfeedback_rounds: 2", False),
        ("status: done\nfeedback_rounds: 1", "status: queued\nfeedback_rounds: 3", True),
        ("status: failed", "status: queued\nfeedback_rounds: 1", True),
        ("status: done\nfeedback_rounds: 2", "status: queued\nfeedback_rounds: 0", True),
        ("status: review", "status: queued\nfeedback_rounds: 1", True),
    ],
)
def test_a_node_counts_rounds_of_feedback_one_by_one(before: str, after: str, forged: bool) -> None:
    """Each gives a mission as many attempts again, so that none is made up."""
    old, new = (f"---\n{fields}\n---\ndo it\n".encode() for fields in (before, after))
    assert bool(forged_decision(old, new)) == forged
