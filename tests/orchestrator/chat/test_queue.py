"""Are people let through in order, and sent away in time?"""

from __future__ import annotations

import threading

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from orchestrator.chat.queue import BackendQueues, FairSemaphore, QueueTicket
from orchestrator.core.errors import QueueFull

LANES, WAITING = 2, 3


class Queueing(RuleBasedStateMachine):
    """Against a plain list: first come, first served, whoever leaves from wherever."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = FairSemaphore(lanes=LANES, waiting=WAITING, clock=lambda: 1.0)
        self.people: list[QueueTicket] = []

    @rule()
    def come(self) -> None:
        """Somebody comes; when all places are taken they are sent away with a time."""
        if len(self.people) >= LANES + WAITING:
            with pytest.raises(QueueFull) as caught:
                self.gate.join()
            assert 1 <= caught.value.retry_after <= 600
        else:
            self.people.append(self.gate.join())

    @precondition(lambda self: self.people)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        """Somebody leaves, twice even."""
        gone = self.people.pop(data.draw(st.integers(0, len(self.people) - 1)))
        gone.leave()
        gone.leave()

    @invariant()
    def places(self) -> None:
        """The first two are inside; the others know their place."""
        assert [self.gate.place(each) for each in self.people] == [
            max(0, number - LANES + 1) for number in range(len(self.people))
        ]
        assert self.gate.waiting == max(0, len(self.people) - LANES)
        assert self.gate.busy == bool(self.people)


TestQueueing = Queueing.TestCase


def test_the_next_step_of_an_answer_is_never_sent_away() -> None:
    """Whoever was let in may come again, however many wait."""
    gate = FairSemaphore(lanes=1, waiting=0)
    inside = gate.join()
    with pytest.raises(QueueFull):
        gate.join()
    again = gate.join(admitted=True)
    assert gate.place(again) == 1
    inside.leave()
    assert again.wait(lambda place: None, threading.Event())


def test_backends_do_not_wait_for_each_other() -> None:
    """One turnstile for each, with as many lanes as it has."""
    gates = BackendQueues(lanes={"small": 1}, other=2, waiting=1)
    held = [gates.of("small").join(), gates.of("small").join(), gates.of("large").join(), gates.of("large").join()]
    assert gates.waiting == 1
    assert gates.busy
    for each in held:
        each.leave()
    assert not gates.busy
