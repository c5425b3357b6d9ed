"""Is a message told once, in the round that it reaches, and is its author never told what is not so?"""

from __future__ import annotations

from missions.message import MessageState
from orchestrator.execution.message_box import MessageBox

TEXT = "anna says: Use tabs."


def said(box: MessageBox, message_id: str = "01") -> MessageState:
    return box.deliver(message_id, author="anna", text="Use tabs.")


def test_what_waits_is_taken_once() -> None:
    """Delivered twice, told once; the answer stays the same."""
    box = MessageBox()
    assert [said(box), said(box)] == [MessageState.QUEUED] * 2
    assert box.take() == (TEXT,)
    assert box.take() == ()
    assert said(box) is MessageState.QUEUED


def test_a_running_round_takes_it_at_once() -> None:
    """While there is an intake; one that refuses leaves it for the next round."""
    box, got = MessageBox(), list[str]()
    with box.intake(lambda text: not got.append(text)):
        assert said(box) is MessageState.INJECTED
    with box.intake(lambda _text: False):
        assert said(box, "02") is MessageState.QUEUED
    assert got == [TEXT]
    assert box.take() == (TEXT,)


def test_what_the_round_never_read_is_told_in_the_next() -> None:
    """The program ended before it took it in."""
    box = MessageBox()
    with box.intake(lambda _text: True):
        said(box)
    assert box.take() == ()
    box.give_back((TEXT,))
    assert not box.finish()
    assert box.take() == (TEXT,)


def test_the_end_is_one_moment() -> None:
    """As long as something waits the box does not close; once it is closed everything is too late."""
    box = MessageBox()
    said(box)
    assert not box.finish()
    box.take()
    assert box.finish()
    assert said(box, "02") is MessageState.TOO_LATE
    assert box.take() == ()
    assert [one.state for one in box.close()] == [MessageState.QUEUED, MessageState.TOO_LATE]


def test_an_agent_that_reads_nothing_is_told_nothing() -> None:
    """And nobody is made to believe that it was."""
    box = MessageBox(deaf=True)
    assert said(box) is MessageState.TOO_LATE
    assert box.take() == ()
    assert box.finish()
