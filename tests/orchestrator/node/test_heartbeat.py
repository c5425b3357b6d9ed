"""Does a node notice that its beats were interrupted, also when it beats again before it looks?"""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from orchestrator.node.heartbeat import Heartbeat
from sync.heartbeat import Beat
from tests.ledgers import Town

REF = "refs/shiftbook/beat/n1"


@dataclass
class Clock:
    """Seconds that a test sets."""

    now: float = 100.0

    def __call__(self) -> float:
        """Now."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock."""
    return Clock()


@pytest.fixture
def pulse(clock: Clock) -> Heartbeat:
    """A pulse whose first beat was accepted at 100 s; a lease is 30 s, a beat 10 s."""
    peer = Town().peer("n1")
    pulse = Heartbeat(Beat(peer.bus.remote, peer.bus.store, REF), clock=clock)
    pulse.interval, pulse.lease = 10.0, 30.0
    pulse.beat.start()
    pulse._once()
    return pulse


@pytest.mark.parametrize(("late", "breaks"), [(10.0, 0), (23.9, 0), (24.1, 1), (45.0, 1)])
def test_a_beat_after_a_gap_of_almost_a_lease_is_a_break(
    pulse: Heartbeat, clock: Clock, late: float, breaks: int
) -> None:
    """A process that stood still beats again at once, and looks unfenced from then on; what it held is doubtful."""
    told: list[str] = []
    pulse.on_fence = lambda: told.append("stop")
    clock.now += late
    pulse._once()
    assert (pulse.heartbeat_gaps, len(told), pulse.fenced) == (breaks, breaks, False)


def test_work_is_told_to_stop_before_the_new_beat_counts(pulse: Heartbeat, clock: Clock) -> None:
    """Else the node's loop could start something between the two."""
    seen: list[bool] = []
    pulse.on_fence = lambda: seen.append(pulse.fenced)
    clock.now += 60
    pulse._once()
    assert seen == [True]
