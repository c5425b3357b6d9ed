"""Does a hybrid clock order events, run only forwards, and stay unmoved by clocks that are wrong?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.errors import StampAhead
from sync.hybrid_clock import MAX_COUNTER, MAX_DRIFT_MS, HybridClock, Stamp, clamp_drift

NODES = st.text(alphabet="abc-.1", min_size=1, max_size=5)
STAMPS = st.builds(Stamp, st.integers(0, 10**15 - 1), st.integers(0, MAX_COUNTER), NODES)
NOW = 1_763_706_185_123


@given(STAMPS, STAMPS)
def test_the_texts_sort_as_the_stamps_do(one: Stamp, other: Stamp) -> None:
    """Whoever only has the texts comes to the same winner."""
    assert (one < other) == (one.text < other.text)


@given(st.lists(st.one_of(st.integers(0, 5000), STAMPS.map(lambda s: s._replace(wall=s.wall % 5000)))))
def test_stamps_only_grow_whatever_the_machines_time_does(events: list[int | Stamp]) -> None:
    """Time that jumps back, or stands still, and stamps of others: each own stamp is later than all before."""
    clock, seen = HybridClock.of("me"), Stamp(0, 0, "")
    for event in events:
        if isinstance(event, Stamp):
            clock, seen = clock.observe(event, 5000), max(seen, event)
        else:
            clock = clock.tick(event)
            assert clock.last > seen
            seen = clock.last


def test_what_follows_an_edit_is_later_on_a_slow_machine_too() -> None:
    """A machine an hour behind that has seen an edit stamps its own one after it."""
    theirs = HybridClock.of("ann").tick(NOW).last
    mine = (
        HybridClock.of(
            "ben",
        )
        .observe(theirs, NOW - MAX_DRIFT_MS)
        .tick(NOW - MAX_DRIFT_MS)
        .last
    )
    assert mine > theirs


def test_a_clock_from_the_future_does_not_drag_ours() -> None:
    """A stamp beyond the drift is refused with its distance; ours goes on from its own time."""
    clock = HybridClock.of("me").tick(NOW)
    with pytest.raises(StampAhead, match="365 s ahead"):
        clock.observe(Stamp(NOW + 365_000, 0, "liar"), NOW)
    assert clock.tick(NOW + 1).last == Stamp(NOW + 1, 0, "me")


def test_a_stamp_from_the_future_counts_as_made_now() -> None:
    """It does not win until its time has come; one within the drift is believed as it is."""
    assert clamp_drift(Stamp(NOW + MAX_DRIFT_MS + 1, 7, "liar"), NOW) == Stamp(NOW, 0, "liar")
    honest = Stamp(NOW + MAX_DRIFT_MS, 7, "ann")
    assert clamp_drift(honest, NOW) == honest


def test_a_full_counter_borrows_from_the_next_millisecond() -> None:
    """The text form never gets longer, so it goes on sorting."""
    clock = HybridClock(node="me", last=Stamp(NOW, MAX_COUNTER, "me")).tick(NOW)
    assert clock.last == Stamp(NOW + 1, 0, "me")
