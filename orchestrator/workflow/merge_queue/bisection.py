"""Which of a batch's results turns the default branch red? The rule alone: what is tested is an argument.

A batch is tested as a whole first, for mostly it is green. If it is red, the default branch is tested without any of
it, so that nobody is blamed for what was broken before; then the first result that turns it red is looked for by
halving, as `git bisect` does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class BatchVerdict:
    """What a batch came to: so many of its first results may land, as the very tree that was tested green.

    `culprit` is the index of the result with which that tree turns red; None where none does. `base_red`: the default
    branch is red by itself.
    """

    lands: int = 0
    culprit: int | None = None
    base_red: bool = False


def judge_batch(size: int, passes: Callable[[int], bool]) -> BatchVerdict:
    """Judges a batch of `size` results, at least one. `passes` tests the default branch with the first so many of them;
    what it raises ends the search. It is asked 2 + log2(size) times at most, rounded up.
    """
    if passes(size):
        return BatchVerdict(lands=size)
    if not passes(0):
        return BatchVerdict(base_red=True)
    green, red = 0, size
    while red - green > 1:
        middle = (green + red) // 2
        if passes(middle):
            green = middle
        else:
            red = middle
    return BatchVerdict(lands=green, culprit=red - 1)
