"""Is it the guards that keep the promises? Explorations with each of them, and with each of them taken out.

Whole nodes run over the remote in memory, their steps interleaved by a seed; `make torture` tries many more seeds.
"""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from tests.acceptance.torture.checker import check
from tests.acceptance.torture.exploration import explore
from tests.acceptance.torture.guards import FORCED, GUARDS, WORLDS, Guard
from tests.acceptance.torture.world import World

TOLERANCE = 0.6
"""Virtual seconds in which a worker of the exploration notices that it must stop."""
SEEDS = 1000
"""How many may be tried until one breaks a promise."""


def test_a_seed_is_replayable() -> None:
    """The same seed gives the same history, move by move."""
    one, other = (explore(World(), 7)[1] for _ in range(2))
    assert list(one.pushes) == list(other.pushes)
    assert one.works == other.works
    assert one.pushes != explore(World(), 8)[1].pushes


@pytest.mark.parametrize("seed", [*range(4), *(pytest.param(seed, marks=pytest.mark.nightly) for seed in range(4, 40))])
def test_no_promise_is_broken_however_the_steps_interleave(seed: int) -> None:
    """Kills, cuts, frozen nodes, lost and late pushes and a person's edits: every promise is kept, all work ends."""
    exploration, history = explore(World(), seed)
    assert check(history, tolerance=TOLERANCE) == [], exploration.told
    assert [told for told in exploration.told if told[2] == "internal"] == []


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.nightly) for seed in range(1, 40))])
def test_no_promise_is_broken_in_odd_worlds(world: str, seed: int) -> None:
    """A loop that hangs, a clock that falls back, two nodes with one name, twins of a mission's name: all the same."""
    exploration, history = explore(WORLDS[world], seed)
    assert check(history, tolerance=WORLDS[world].tolerance) == [], exploration.told
    assert [told for told in exploration.told if told[2] == "internal"] == []


def broken_by(guard: Guard, seeds: Iterable[int]) -> int:
    """The first of these seeds that breaks a promise of the guard when it is taken out."""
    for seed in seeds:
        _, history = explore(guard.world, seed, *guard.removed)
        if any(violation.rule in guard.broken for violation in check(history, tolerance=TOLERANCE)):
            return seed
    raise AssertionError(f"no seed without {guard.name} broke anything")


def kept_with(guard: Guard, seed: int) -> None:
    """With the guard the same seed breaks nothing."""
    exploration, history = explore(guard.world, seed)
    assert check(history, tolerance=TOLERANCE) == [], exploration.told


each_guard = pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name.replace(" ", "-"))


@each_guard
def test_without_a_guard_a_promise_is_broken_and_with_it_none(guard: Guard) -> None:
    """A seed is known that only the guard keeps from breaking one; should the code move on, the next is looked for."""
    kept_with(guard, broken_by(guard, [guard.seed, *range(SEEDS)]))


@pytest.mark.nightly
@each_guard
def test_without_a_guard_the_search_finds_a_broken_promise(guard: Guard) -> None:
    """Nobody need know a seed: exploring from the first one on finds one, and all up to it break nothing with it."""
    found = broken_by(guard, range(SEEDS))
    for seed in range(max(0, found - 10), found + 1):
        kept_with(guard, seed)


def test_a_node_that_stood_still_after_a_claim_gives_it_back() -> None:
    """Frozen between winning and starting, it beat again before it looked; its successor was on the way by then.

    The seed found it (an overlap of 11 s); whatever was claimed before a break of the beats is handed back unworked.
    """
    _, history = explore(FORCED, 1795240249000)
    assert check(history, tolerance=TOLERANCE) == []
