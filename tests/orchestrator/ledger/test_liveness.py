"""Does one observer's liveness say the truth about who moves, and nothing about what it did not see?"""

from __future__ import annotations

from dataclasses import replace

from hypothesis import example, given
from hypothesis import strategies as st

from orchestrator.ledger.liveness import MIN_ROOF_SECONDS, Liveness
from orchestrator.ledger.snapshot import LedgerSnapshot
from tests.ledgers import Town

EMPTY = Town().peer("n1").ledger()


def beating(**steps: int) -> LedgerSnapshot:
    """A ledger in which each node's beat stands at a step."""
    return replace(EMPTY, refs={f"refs/shiftbook/beat/{node}": f"{step:040x}" for node, step in steps.items()})


PAUSES = st.integers(1, int(16 * MIN_ROOF_SECONDS)).map(lambda eighths: eighths / 8)
"""Seconds that add up without rounding."""
FETCHES = st.lists(st.tuples(PAUSES, st.sampled_from(["moved", "stood", "gone"])), max_size=30)


@given(FETCHES)
@example([(125.0, "moved"), (599.9999999999999, "moved"), (300.0, "stood")])
def test_silence_is_counted_from_the_last_fetch_that_showed_a_move(fetches: list[tuple[float, str]]) -> None:
    """Of fetches with no longer pause between them than proves something; a node without a beat is not silent."""
    liveness, now, step, since, moved = Liveness(), 0.0, 0, None, None
    for wanted, what in fetches:
        pause = now + wanted - now  # as the clock tells it, which rounds
        now += wanted
        if what == "gone":
            liveness.observe(beating(), now)
            since = moved = None
            step += 1
        else:
            if pause > MIN_ROOF_SECONDS:
                since = None
            if what == "moved" and step:
                step += 1
                moved = now if since is not None or pause > MIN_ROOF_SECONDS else moved
                since = now
            step = step or 1
            since = now if since is None else since
            liveness.observe(beating(vps=step), now)
        silence = 0.0 if since is None else now - since
        assert liveness.silent_for("vps") == silence
        assert liveness.silent(60) == ({"vps": silence} if since is not None and silence >= 60 else {})


def test_a_node_that_left_and_came_back_begins_anew() -> None:
    """It took its beat down: that it had stood still says nothing of the one who has the name now."""
    liveness = Liveness()
    for now in (0.0, 100.0, 200.0):
        liveness.observe(beating(vps=1), now)
    assert liveness.silent(200) == {"vps": 200.0}
    liveness.observe(beating(), 210.0)
    assert liveness.silent(0) == {}
    liveness.observe(beating(vps=1), 220.0)
    assert liveness.silent_for("vps") == 0.0
