"""Does what is known of the remote's latency follow what it does?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.errors import RemoteUnreachable
from sync.latency import Latency, LatencyMeter

ANSWERS = st.lists(st.floats(0.001, 100), min_size=1, max_size=50)


@given(ANSWERS)
def test_the_bound_stands_above_a_mean_that_was_seen(answers: list[float]) -> None:
    """The mean lies among the answers, the bound not below it; before the first answer nothing is known."""
    latency = Latency()
    assert latency.bound is None
    for seconds in answers:
        latency = latency.after(seconds)
    assert latency.mean is not None
    assert latency.bound is not None
    assert min(answers) * 0.999 <= latency.mean <= max(answers) * 1.001
    assert latency.bound >= latency.mean


def test_a_host_that_becomes_slow_is_noticed_and_one_that_becomes_fast_again_too() -> None:
    """After some answers the bound is near what they take now."""
    latency = Latency()
    for _ in range(50):
        latency = latency.after(0.1)
    assert latency.bound == pytest.approx(0.1, rel=0.1)
    slow = latency
    for _ in range(20):
        slow = slow.after(10.0)
    assert slow.bound is not None
    assert slow.bound > 9.0
    for _ in range(80):
        slow = slow.after(0.1)
    assert slow.bound == pytest.approx(0.1, rel=0.2)


def test_only_answers_are_timed() -> None:
    """What fails says nothing of how long answers take."""
    now = iter([0.0, 2.0, 10.0, 99.0])
    meter = LatencyMeter(clock=lambda: next(now))
    with meter.timed():
        pass
    with pytest.raises(RemoteUnreachable), meter.timed():
        raise RemoteUnreachable("there", "gone")
    assert meter.latency == Latency().after(2.0)
