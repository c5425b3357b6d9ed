"""Does a live view come back as it was written, and is nothing read that is too much or of another kind?"""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from missions.errors import BadLiveView
from missions.live_view import MAX_DIFF_BYTES, MAX_TAIL_BYTES, DiffSoFar, LiveView, read_live_view

GOOD = LiveView(mission="fix", epoch=1, attempt=1, node="vps", agent="claude", diff=DiffSoFar(files=1, text="+a"))
PLAIN = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
DIFFS = st.none() | st.builds(DiffSoFar, files=st.integers(0, 99), text=PLAIN, cut=st.booleans())


@given(text=PLAIN, cost=st.none() | st.floats(0, 1e6), end=st.integers(0, 10**9), diff=DIFFS)
def test_what_is_written_is_read(text: str, cost: float | None, end: int, diff: DiffSoFar | None) -> None:
    """Whatever the words are."""
    made = LiveView(
        mission="fix", epoch=2, attempt=1, node="vps", agent="claude", text=text, cost_usd=cost, end=end, diff=diff
    )
    assert read_live_view(made.print()) == made


@pytest.mark.parametrize(
    "wrong",
    [
        {"mission": "../x"},
        {"mission": None},
        {"node": 7},
        {"epoch": -1},
        {"end": 1.5},
        {"seconds": -1},
        {"cost_usd": "1"},
        {"text": "a" * (2 * MAX_TAIL_BYTES + 1)},
        {"diff": {"text": "a" * (2 * MAX_DIFF_BYTES + 1)}},
        {"diff": {"files": "x"}},
        {"diff": 5},
        {"more": 1},
    ],
)
def test_what_is_no_view_is_refused(wrong: dict[str, object]) -> None:
    """A hostile node gets nothing past it."""
    with pytest.raises(BadLiveView):
        read_live_view(json.dumps({**asdict(GOOD), **wrong}).encode())


@given(st.binary(max_size=300))
def test_no_bytes_are_more_than_refused(data: bytes) -> None:
    """It raises nothing but its own error."""
    with pytest.raises(BadLiveView):
        read_live_view(data)
