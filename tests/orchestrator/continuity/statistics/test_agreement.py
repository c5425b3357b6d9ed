"""Agreement and reliability beside published figures and counting."""

from __future__ import annotations

from itertools import combinations
from math import isnan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.continuity.statistics.agreement import nominal_alpha, pass_hat_k

# Krippendorff (2011), Computing Krippendorff's alpha-reliability, section C: four observers, twelve units.
PUBLISHED = ("123321412...", "1233224125..", ".33323422513", "12332441251.")


def observers() -> list[list[str | None]]:
    """The four observers of that section; a dot is a unit that one did not judge."""
    return [[None if word == "." else word for word in row] for row in PUBLISHED]


def test_it_is_the_published_figure() -> None:
    """0.743 for the nominal data with gaps that the measure was published with."""
    assert nominal_alpha(observers()) == pytest.approx(0.743, abs=0.0005)


def test_full_agreement_is_one_and_exchange_of_words_changes_nothing() -> None:
    """It is about which answers are the same, not about what they are."""
    rows: list[list[str | None]] = [["a", "b", "c", "a"], ["a", "b", "c", "a"]]
    assert nominal_alpha(rows) == 1.0
    renamed = [[{"1": "x", "2": "y"}.get(word or "", word) for word in row] for row in observers()]
    assert nominal_alpha(renamed) == pytest.approx(nominal_alpha(observers()))


def test_disagreement_by_design_is_less_than_chance() -> None:
    """Two instances that always say the opposite."""
    assert nominal_alpha([["yes", "no"] * 6, ["no", "yes"] * 6]) < -0.5


@pytest.mark.parametrize("rows", [[], [[]], [["a", "a"], ["a", "a"]], [["a", None], [None, "b"]]])
def test_nothing_to_compare_is_not_a_number(rows: list[list[str | None]]) -> None:
    """No answers, one answer a question, or always the same word."""
    assert isnan(nominal_alpha(rows))


@given(solved=st.lists(st.integers(0, 6), min_size=1, max_size=6), k=st.integers(1, 6))
def test_pass_hat_k_is_the_share_of_choices_that_all_succeed(solved: list[int], k: int) -> None:
    """Every choice of k among six instances counted."""
    chosen = [all(one < count for one in choice) for count in solved for choice in combinations(range(6), k)]
    assert pass_hat_k(solved, 6, k) == pytest.approx(sum(chosen) / len(chosen))


def test_what_was_not_tried_is_refused() -> None:
    """More of k than of instances, none at all, more solved than tried."""
    for solved, tried, k in (([1], 2, 3), ([1], 2, 0), ([3], 2, 1)):
        with pytest.raises(ValueError, match="instances"):
            pass_hat_k(solved, tried, k)
    assert isnan(pass_hat_k([], 3, 2))
