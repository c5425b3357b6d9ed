"""Is the first result found that turns a batch red, with few tests, and is nobody blamed for a red branch?"""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.workflow.merge_queue.bisection import BatchVerdict, judge_batch


@given(size=st.integers(1, 40), first=st.integers(1, 60))
def test_the_first_red_result_is_found_by_halving(size: int, first: int) -> None:
    """From the result `first` on everything is red: what is before it lands, with 2 + log2(size) tests at most."""
    asked = list[int]()

    def passes(count: int) -> bool:
        asked.append(count)
        return count < first

    verdict = judge_batch(size, passes)
    if first > size:
        assert verdict == BatchVerdict(lands=size)
        assert asked == [size]
    else:
        assert verdict == BatchVerdict(lands=first - 1, culprit=first - 1)
        assert len(asked) <= 2 + math.ceil(math.log2(size))


@given(size=st.integers(1, 20), colours=st.lists(st.booleans(), min_size=21, max_size=21))
def test_whatever_the_tests_say_what_lands_was_green_and_the_blamed_one_turned_it_red(
    size: int, colours: list[bool]
) -> None:
    """Prefixes may be red and green in any order: the verdict rests only on trees that were tested."""
    asked = dict[int, bool]()

    def passes(count: int) -> bool:
        asked[count] = colours[count]
        return colours[count]

    verdict = judge_batch(size, passes)
    assert not verdict.lands or asked[verdict.lands]
    if verdict.culprit is not None:
        assert asked[verdict.culprit]
        assert not asked[verdict.culprit + 1]
    assert verdict.base_red == (not asked[size] and not asked[0])


def test_a_branch_that_is_red_by_itself_blames_nobody() -> None:
    """Two tests, and nothing lands."""
    asked = list[int]()
    assert judge_batch(8, lambda count: bool(asked.append(count))) == BatchVerdict(base_red=True)
    assert asked == [8, 0]
