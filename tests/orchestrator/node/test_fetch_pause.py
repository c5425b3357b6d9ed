"""How long does a node sleep between two looks?"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.ledger.config.fleet_toml import BusPart
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
    bus: BusPart, rounds: list[str], fold_in: float | None
) -> None:
    """Nothing after a move; else at most the longest poll, the own turn to fold, a beat while anybody holds a claim."""
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
            pause.calm(bus, fold_in=fold_in, claimed=True)
            assert 0 < pause.seconds <= min(bus.poll_seconds[1], bus.beat_seconds)
            assert fold_in is None or pause.seconds <= max(MIN_PAUSE_SECONDS, fold_in)


@given(BUSES)
def test_a_loop_is_not_taken_for_hung_while_it_sleeps(bus: BusPart) -> None:
    """The bound is longer than any pause, than a lease, and than five minutes."""
    bound = round_bound(bus)
    assert bound >= 10 * bus.poll_seconds[1]
    assert bound >= max(bus.lease, MIN_ROUND_BOUND_SECONDS)
    assert bound > RETRY.limit
