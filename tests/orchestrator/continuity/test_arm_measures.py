"""What each measure counts, on trials that were written by hand."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.continuity.arm_measures import ArmMeasures, measure_arms
from orchestrator.continuity.trial import TASK, TrialRecord


def asked(item: str, answer: str = "1", *, arm: str = "handoff", instance: int = 0, **more: Any) -> TrialRecord:
    """One answer to a question, right if it is 1."""
    words = {"project": "p", "kind": "kept", "right": answer == "1"} | more
    return TrialRecord(item=item, arm=arm, instance=instance, answer=answer, **words)


def done(item: str, *, arm: str = "handoff", instance: int = 0, **more: Any) -> TrialRecord:
    """One task."""
    words: dict[str, Any] = {"right": True, "built": True, "recovered": 1.0, "convention": True, "failed_path": False}
    words |= {"repeated": 0, "superseded": False}
    return TrialRecord(item=item, project="p", kind=TASK, arm=arm, instance=instance, answer="x", **words | more)


def of(records: list[TrialRecord], arm: str = "handoff") -> ArmMeasures:
    return next(one for one in measure_arms(records) if one.arm == arm)


def test_questions_and_tasks_are_counted_apart() -> None:
    """Two of three questions and one of two tasks, whatever the number of each."""
    found = of([asked("a"), asked("b"), asked("c", "2"), done("t"), done("u", right=False)])
    assert (found.trials, found.questions_right, found.tasks_right) == (5, pytest.approx(2 / 3), 0.5)


def test_an_arm_without_tasks_has_no_measure_of_them() -> None:
    """None, and not 0: nothing was tried."""
    found = of([asked("a")])
    assert (found.tasks_right, found.recovered, found.path_avoided, found.repeated) == (None, None, None, None)
    assert (found.built, found.convention, found.superseded, found.absence) == (None, None, None, None)
    found = of([done("t")])
    assert (found.questions_right, found.absence, found.alpha) == (None, None, None)


def test_what_the_first_action_of_a_task_did() -> None:
    """Recovered is a mean of shares, the others are shares of tasks, repeated is a count a task."""
    found = of(
        [
            done("t", recovered=1 / 3, failed_path=True, repeated=2, convention=False, built=False),
            done("u", recovered=1.0, repeated=1),
        ]
    )
    assert (found.recovered, found.path_avoided, found.repeated) == (pytest.approx(2 / 3), 0.5, 1.5)
    assert (found.convention, found.built) == (0.5, 0.5)


def test_superseded_counts_where_an_older_value_was_at_hand() -> None:
    """Questions and tasks alike; a setting that never changed cannot be superseded."""
    found = of([asked("a", "2", superseded=True), asked("b", superseded=False), asked("c"), done("t", superseded=True)])
    assert found.superseded == pytest.approx(2 / 3)


def test_absence_is_recognised_by_the_right_answer_alone() -> None:
    """No answer at all invents nothing, and recognises nothing either."""
    found = of(
        [
            asked("a", "none is set", right=True, invented=False),
            asked("b", "17", right=False, invented=True),
            asked("c", "", right=False, invented=False),
        ]
    )
    assert found.absence == pytest.approx(1 / 3)


def test_harm_is_what_was_right_with_nothing_and_is_wrong_here() -> None:
    """Of the same item and instance; a share of all pairs, as the gain is."""
    records = [
        *(asked("a", arm="nothing", instance=number) for number in (0, 1)),
        asked("b", "2", arm="nothing"),
        asked("a", "2"),
        asked("a", instance=1),
        asked("b", "2"),
        asked("c", "2"),
    ]
    assert of(records).harm == pytest.approx(1 / 3)
    assert of(records, "nothing").harm is None
    assert of([asked("a", "2")]).harm is None


def test_agreement_is_of_instances_over_items() -> None:
    """The same answers are full agreement, right or wrong; opposite ones are less than chance."""
    same = [asked(item, answer, instance=number) for number in (0, 1) for item, answer in (("a", "1"), ("b", "2"))]
    assert of(same).alpha == 1.0
    apart = [
        *(asked("a", answer, instance=number) for number, answer in enumerate(("1", "2"))),
        *(asked("b", answer, instance=number) for number, answer in enumerate(("2", "1"))),
    ]
    assert (of(apart).alpha or 0) < 0
    assert of([asked("a"), asked("b", "2")]).alpha is None  # one instance agrees with nobody


def test_all_right_means_every_instance() -> None:
    """One of two items is right in both instances; an item that lacks an instance says nothing yet."""
    records = [
        *(asked("a", instance=number) for number in (0, 1)),
        *(asked("b", answer, instance=number) for number, answer in enumerate(("1", "2"))),
        asked("c"),
    ]
    assert of(records).all_right == 0.5
    assert of([asked("a"), asked("b")]).all_right is None


def test_cost_is_a_mean_of_all_trials() -> None:
    """Calls, tokens, seconds and warnings."""
    found = of(
        [
            done("t", calls=2, context_tokens=400, seconds=3.0, warned=4),
            asked("a", calls=1, context_tokens=600, seconds=1.0),
        ]
    )
    assert (found.calls, found.tokens, found.seconds, found.warned) == (1.5, 500.0, 2.0, 2.0)


def test_arms_come_in_their_order() -> None:
    """Whichever was answered first; arms without an answer are left out."""
    records = [asked("a", arm=arm) for arm in ("oracle", "nothing", "handoff")]
    assert [one.arm for one in measure_arms(records)] == ["nothing", "handoff", "oracle"]
    assert measure_arms([]) == []
