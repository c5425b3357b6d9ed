"""Closed questions: one right answer, and what is wrong about each of the others is known."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.continuity.scenarios.history_generator import generate_history
from orchestrator.continuity.scenarios.questions import NONE, ClosedQuestion, QuestionKind, questions_of


def asked(seed: int, number: int = 0) -> list[ClosedQuestion]:
    return list(questions_of(generate_history(seed, number), generate_history(seed, number + 1), seed))


@settings(max_examples=20)
@given(seed=st.integers(0, 2**31))
def test_the_right_answer_is_among_the_others_once(seed: int) -> None:
    """Each option once, at least two of them; what is superseded, or of the other project, is never right."""
    for one in asked(seed):
        assert len(one.options) == len(set(one.options)) >= 2
        assert one.right in one.options
        assert set(one.superseded) <= set(one.options) - {one.right}
        assert one.foreign == "" or one.foreign in set(one.options) - {one.right, *one.superseded}


@settings(max_examples=10)
@given(seed=st.integers(0, 2**31))
def test_each_kind_is_asked(seed: int) -> None:
    """What was withdrawn or never decided is right to be none; the same seed asks the same."""
    found = asked(seed)
    assert {one.kind for one in found} == set(QuestionKind)
    assert len({one.item for one in found}) == len(found)
    assert found == asked(seed)
    for one in found:
        assert (one.right == NONE) == (one.kind in {QuestionKind.WITHDRAWN, QuestionKind.ABSENT})
        assert len(set(one.wordings)) == 3


def test_the_order_of_options_gives_nothing_away() -> None:
    """The right answer stands at each place about as often."""
    places = [one.options.index(one.right) for seed in range(120) for one in asked(seed) if len(one.options) == 4]
    assert all(0.18 < places.count(place) / len(places) < 0.32 for place in range(4))
