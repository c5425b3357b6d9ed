"""No fact that is looked for with Hypothesis hangs on the speed of the machine."""

from __future__ import annotations

import time

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st


def test_the_profile_in_force_has_no_deadline() -> None:
    """Hypothesis' own, 200 ms for an example, made facts fail under load."""
    assert settings.default is not None
    assert settings.default.deadline is None
    assert HealthCheck.too_slow in settings.default.suppress_health_check


@settings(max_examples=1, phases=[Phase.generate])
@given(st.none())
def test_a_slow_example_is_none_that_fails(nothing: None) -> None:
    """Settings of a test's own begin with the profile's: 250 ms are not too many."""
    assert nothing is None
    time.sleep(0.25)
