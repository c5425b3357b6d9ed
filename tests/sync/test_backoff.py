"""How pauses grow."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.backoff import Backoff

BACKOFFS = st.builds(
    Backoff, first=st.floats(0.01, 10), limit=st.floats(10, 10_000), factor=st.floats(1, 10), jitter=st.just((0.5, 1.0))
)


def test_each_failure_doubles_the_pause_up_to_the_limit() -> None:
    """2, 4, 8 … seconds, and never more than the limit; nothing before the first failure."""
    backoff = Backoff(first=2.0, limit=15.0)
    assert [backoff.after(failures) for failures in range(6)] == [0.0, 2.0, 4.0, 8.0, 15.0, 15.0]


@given(BACKOFFS, st.integers(1, 40))
def test_the_pauses_one_after_the_other_are_those_by_number(backoff: Backoff, failures: int) -> None:
    """Whoever remembers the pause waits as long as whoever counts the failures."""
    pause = 0.0
    for _ in range(failures):
        pause = backoff.next(pause)
    assert pause == pytest.approx(backoff.after(failures))


@given(BACKOFFS, st.integers(1, 10**9))
def test_no_pause_is_beyond_its_bounds(backoff: Backoff, failures: int) -> None:
    """Also after a number of failures whose power no float can hold."""
    assert backoff.first <= backoff.after(failures) <= backoff.limit


def test_chance_takes_a_share_between_the_two() -> None:
    """The caller's chance is asked for a number between the shares of the pause; without jitter it is the pause."""
    asked: list[tuple[float, float]] = []

    def uniform(low: float, high: float) -> float:
        asked.append((low, high))
        return low

    assert Backoff(first=1.0, limit=60.0, jitter=(0.5, 1.0)).spread(8.0, uniform) == 4.0
    assert Backoff(first=1.0, limit=60.0).spread(8.0, uniform) == 8.0
    assert asked == [(4.0, 8.0), (8.0, 8.0)]


@pytest.mark.parametrize("failures", range(1, 12))
def test_a_lost_race_waits_as_long_as_it_used_to(failures: int) -> None:
    """The pauses of a push: 0.05 s, doubled at most five times."""
    assert Backoff(first=0.05, limit=32 * 0.05).after(failures) == 0.05 * min(2 ** (failures - 1), 32)
