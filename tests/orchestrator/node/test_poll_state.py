"""What is kept of the bot's polling, and when it is written again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.node.rounds.poll_state import ANSWERS, CONFLICT, EVERY, MARK, PollState, read_poll_state
from tests.buses import Marks

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)


def state(seconds: float = 0.0, word: str = ANSWERS, says: str = "") -> PollState:
    return PollState(at=NOON + timedelta(seconds=seconds), state=word, says=says)


def test_what_was_noted_is_read_again() -> None:
    """For each bot; words are cut."""
    marks = Marks()
    state(word=CONFLICT, says="another one " * 100).note(marks, "1")
    found = read_poll_state(marks, "1")
    assert found is not None
    assert (found.at, found.state, len(found.says)) == (NOON, CONFLICT, 300)
    assert read_poll_state(marks, "2") is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "7",
        '{"at": "soon", "state": "", "says": ""}',
        '{"at": 1}',
        '{"at": "2026-11-30T12:00:00", "state": "answers", "says": ""}',
    ],
)
def test_what_cannot_be_read_is_nothing(text: str) -> None:
    """A later version's, a broken one, one without a time zone."""
    marks = Marks()
    marks.put(f"{MARK}1", text)
    assert read_poll_state(marks, "1") is None


def test_the_same_is_not_written_with_every_poll() -> None:
    """Another state at once; the same after five minutes, or when the clock was put back."""
    assert state().is_news(None)
    assert not state(30).is_news(state())
    assert state(30, CONFLICT).is_news(state())
    assert state(EVERY.total_seconds()).is_news(state())
    assert state(-1).is_news(state())
