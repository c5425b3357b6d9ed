"""How long does a node sleep between two looks?"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.ledger.config.fleet_toml import BusPart
from orchestrator.node.precedence import HQ_LOOK_SECONDS, hq_look
from orchestrator.node.rounds.fetch_pause import MIN_PAUSE_SECONDS, RETRY, FetchPause
from orchestrator.node.rounds.loop_progress import MIN_ROUND_BOUND_SECONDS, round_bound

BUSES = st.builds(
    lambda low, more, beat, beats: BusPart(poll_seconds=(low, low + more), beat_seconds=beat, lease_beats=beats),
    st.floats(0.1, 60),
    st.floats(0, 600),
    st.floats(0.5, 3600),
    st.floats(2, 100),
)


@given(BUSES, st.lists(st.sampled_from(["moved", "calm", "failed"]), max_size=30), st.none() | st.floats(-5, 600))
def test_a_pause_is_never_longer_than_the_fleets_and_no_turn_is_slept_through(
    bus: BusPart, rounds: list[str], turn_in: float | None
) -> None:
    """Nothing after a move; else at most the longest poll, the own turn, a beat while anybody holds a claim."""
    pause = FetchPause()
    for what in rounds:
        before = pause.seconds
        if what == "moved":
            pause.moved()
            assert pause.seconds == 0.0
        elif what == "failed":
            pause.failed()
            assert before < pause.seconds <= RETRY.limit or pause.seconds == RETRY.limit
        else:
            pause.calm(bus, turn_in=turn_in, claimed=True)
            assert 0 < pause.seconds <= min(bus.poll_seconds[1], bus.beat_seconds)
            assert turn_in is None or pause.seconds <= max(MIN_PAUSE_SECONDS, turn_in)


@given(BUSES, st.integers(1, 20))
def test_waiting_for_a_turn_does_not_begin_the_pauses_anew(bus: BusPart, turns: int) -> None:
    """A node that left a mission to another one sleeps on as if nothing had been there."""
    plain, waited = FetchPause(), FetchPause()
    for _ in range(turns):
        plain.calm(bus, turn_in=None, claimed=False)
        waited.calm(bus, turn_in=0.1, claimed=False)
        assert waited.seconds == 0.1
    plain.calm(bus, turn_in=None, claimed=False)
    waited.calm(bus, turn_in=None, claimed=False)
    assert waited.seconds == plain.seconds


@given(BUSES)
def test_headquarters_looks_often_while_others_work(bus: BusPart) -> None:
    """Results wait for its look."""
    pause = FetchPause()
    for _ in range(20):
        pause.calm(bus, turn_in=None, claimed=True, look=hq_look(bus))
    assert pause.seconds <= min(HQ_LOOK_SECONDS, bus.poll_seconds[0])


@given(BUSES)
def test_a_loop_is_not_taken_for_hung_while_it_sleeps(bus: BusPart) -> None:
    """The bound is longer than any pause, than a lease, and than five minutes."""
    bound = round_bound(bus)
    assert bound >= 10 * bus.poll_seconds[1]
    assert bound >= max(bus.lease, MIN_ROUND_BOUND_SECONDS)
    assert bound > RETRY.limit
