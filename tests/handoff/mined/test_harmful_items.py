"""Is an item told as harmful by evidence alone, and never for what chance does?"""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import fisher_exact

from handoff import briefing
from handoff.mined.harmful_items import GivenAttempt, HarmfulItem, harmful_items, upper_tail
from handoff.warnings.heard_warnings import HeardWarning, WarningVerdict

WORDS = "`make fast` is the way to build"
TEXT = (
    f"# Briefing\n\n## Decisions\n\n- {WORDS} <!-- item: d1; log: one-1 -->\n"
    "- Port: 8080 <!-- item: f1; log: one-1 -->\n"
)
FAILS = "`make fast` ended with exit code 2"


def told(attempts: list[GivenAttempt], text: str = TEXT) -> list[HarmfulItem]:
    return harmful_items(briefing.parse(text), attempts)


def attempts(given_failed: int, given: int, other_failed: int, others: int) -> list[GivenAttempt]:
    items = {item.text for item in briefing.parse(TEXT) if item.item_id}
    with_it = [
        GivenAttempt(mission=f"g{n}", given=items, failures=(FAILS,) if n < given_failed else ()) for n in range(given)
    ]
    without = [
        GivenAttempt(mission=f"o{n}", given=(), failures=(FAILS,) if n < other_failed else ()) for n in range(others)
    ]
    return with_it + without


def test_an_item_is_told_that_missions_were_given_and_failed_by() -> None:
    """With its citation and the numbers; the item about something else is not."""
    found = told(attempts(6, 8, 0, 10))
    assert [(one.text, one.cites) for one in found] == [(WORDS, ("one-1",))]
    assert "6 of 8 missions that were given it failed in this very way, 0 of 10 others" in found[0].why


@pytest.mark.parametrize(
    "numbers",
    [
        (2, 2, 0, 50),  # two missions prove nothing
        (8, 8, 0, 0),  # there is nothing to compare with
        (6, 8, 6, 8),  # the others failed as often
    ],
)
def test_too_little_evidence_tells_nothing(numbers: tuple[int, int, int, int]) -> None:
    """Fewer than three, none without it, or no difference."""
    assert told(attempts(*numbers)) == []


def test_twenty_attempts_of_one_mission_are_one() -> None:
    """They are not independent."""
    one = attempts(1, 1, 0, 10)
    assert told([*one[:1] * 20, *one[1:]]) == []


def test_a_standing_rule_is_never_told() -> None:
    """It is a person's."""
    text = TEXT.replace("## Decisions", "## Standing rules")
    assert told(attempts(8, 8, 0, 10), text) == []


def test_a_warning_that_hurt_more_than_it_helped_is_told() -> None:
    """By the entry that the item cites, and its words; one mission alone is none."""

    def heard(mission: str, verdict: WarningVerdict, entry: str = "one-1") -> GivenAttempt:
        return GivenAttempt(
            mission=mission, given=(), heard=(HeardWarning(text=WORDS, entry_id=entry, verdict=verdict),)
        )

    hurt, helped = WarningVerdict.HURT, WarningVerdict.HELPED
    assert "it hurt 2 missions and helped 1" in told([heard("a", hurt), heard("b", hurt), heard("c", helped)])[0].why
    assert told([heard("a", hurt), heard("a", hurt)]) == []
    assert told([heard("a", hurt), heard("b", hurt), heard("c", helped), heard("d", helped)]) == []
    assert told([heard("a", hurt, "two-1"), heard("b", hurt, "two-1")]) == []


@given(st.integers(0, 30), st.integers(1, 30), st.integers(0, 30), st.integers(1, 30))
def test_the_chance_is_fishers(hits: int, of: int, other_hits: int, other_of: int) -> None:
    """To within rounding."""
    hits, other_hits = min(hits, of), min(other_hits, other_of)
    table = [[hits, of - hits], [other_hits, other_of - other_hits]]
    theirs = fisher_exact(table, alternative="greater").pvalue
    assert upper_tail(hits, of, other_hits, other_of) == pytest.approx(theirs, abs=1e-9)


def test_an_item_that_makes_no_difference_is_seldom_told() -> None:
    """In one of twenty ledgers at most, with missions that fail as often with it as without."""
    chance = random.Random(7)  # the same ledgers each time
    wrong = 0
    for _ in range(400):
        failed = [sum(chance.random() < 0.4 for _ in range(12)) for _ in range(2)]
        wrong += bool(told(attempts(failed[0], 12, failed[1], 12)))
    assert wrong <= 20
