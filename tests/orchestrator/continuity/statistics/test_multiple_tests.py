"""Holm's correction beside its definition, and a worked example."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.continuity.statistics.multiple_tests import holm_adjusted

P_VALUES = st.dictionaries(st.text(min_size=1, max_size=3), st.floats(0, 1), max_size=6)


def closed_test(p_values: list[float], place: int) -> float:
    """The largest Bonferroni p-value of any intersection that holds this hypothesis: what Holm's rule is short for."""
    others = [p for at, p in enumerate(p_values) if at != place]
    sets = (chosen for size in range(len(others) + 1) for chosen in combinations(others, size))
    return max(min(1.0, min([p_values[place], *chosen]) * (1 + len(chosen))) for chosen in sets)


def test_a_worked_example() -> None:
    """0.01, 0.04, 0.03, 0.005 become 0.03, 0.06, 0.06, 0.02."""
    found = holm_adjusted({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005})
    assert found == pytest.approx({"a": 0.03, "b": 0.06, "c": 0.06, "d": 0.02})


@given(p_values=P_VALUES)
def test_it_is_the_closed_test(p_values: dict[str, float]) -> None:
    """Of any p-values the same as testing every intersection; by their names, and none becomes smaller."""
    found = holm_adjusted(p_values)
    plain = list(p_values.values())
    assert list(found) == list(p_values)
    assert list(found.values()) == pytest.approx([closed_test(plain, place) for place in range(len(plain))])
    assert all(found[name] >= p - 1e-12 for name, p in p_values.items())


def test_one_test_alone_is_not_corrected() -> None:
    """And none at all is no error."""
    assert holm_adjusted({"only": 0.0421}) == pytest.approx({"only": 0.0421})
    assert holm_adjusted({}) == {}
