"""Is an interval what scipy says it is?"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from orchestrator.workflow.continuity.proportion import Proportion


@given(st.integers(1, 400), st.data())
def test_the_interval_is_wilsons(of: int, data: st.DataObject) -> None:
    """To within rounding, for any count."""
    count = data.draw(st.integers(0, of))
    theirs = binomtest(count, of).proportion_ci(method="wilson")
    assert Proportion(count=count, of=of).interval == pytest.approx((theirs.low, theirs.high), abs=1e-9)


def test_of_nothing_nothing_is_said() -> None:
    """No share and no interval where there is no case."""
    assert (Proportion(count=0, of=0).share, Proportion(count=0, of=0).interval) == (None, None)
