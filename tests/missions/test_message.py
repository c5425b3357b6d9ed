"""Does a message come back as it was written, and does nothing that is none pass for one?"""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from missions.errors import BadMessage
from missions.message import (
    MAX_MESSAGE_CHARS,
    MessageAnswer,
    MessageState,
    MissionMessage,
    read_answer,
    read_message,
)

PLAIN = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200).filter(lambda text: text.strip())
GOOD = {"mission": "fix", "epoch": 1, "message_id": "0123456789abcdef", "text": "Use tabs."}


@given(text=PLAIN, epoch=st.integers(0, 10**9))
def test_what_is_written_is_read(text: str, epoch: int) -> None:
    """Whatever the words are."""
    made = MissionMessage(mission="fix", epoch=epoch, message_id="0" * 16, text=text)
    assert read_message(made.print()) == made


@given(state=st.sampled_from(MessageState), epoch=st.integers(0, 10**9), node=PLAIN)
def test_an_answer_is_read(state: MessageState, epoch: int, node: str) -> None:
    """Each state comes back."""
    made = MessageAnswer(state=state, epoch=epoch, node=node)
    assert read_answer(made.print()) == made


@pytest.mark.parametrize(
    "wrong",
    [
        {"mission": "../etc"},
        {"mission": "Fix"},
        {"mission": 7},
        {"epoch": -1},
        {"epoch": 10**12},
        {"epoch": True},
        {"epoch": "1"},
        {"message_id": "../../x"},
        {"message_id": ""},
        {"text": " \n"},
        {"text": "a" * (MAX_MESSAGE_CHARS + 1)},
        {"text": None},
        {"more": 1},
    ],
)
def test_what_is_no_message_is_refused(wrong: dict[str, object]) -> None:
    """By name: nothing is guessed."""
    with pytest.raises(BadMessage):
        read_message(json.dumps({**GOOD, **wrong}).encode())


@given(st.binary(max_size=300))
def test_no_bytes_are_more_than_refused(data: bytes) -> None:
    """Neither reader raises anything but its own error."""
    for read in (read_message, read_answer):
        with pytest.raises(BadMessage):
            read(data)
