"""Do the slow modules begin first, and is no test lost on the way?"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.schedule import SLOW, TOGETHER, ordered, shares, sizes

ROOT = Path(__file__).resolve().parents[1]
MODULES = st.lists(st.tuples(st.sampled_from([*SLOW, "a.py", "b.py", "c.py"]), st.integers(1, 9)), max_size=30)


@given(MODULES, st.integers(1, 5))
def test_every_test_is_collected_once(modules: list[tuple[str, int]], workers: int) -> None:
    """However many there are of each module, and for however many workers."""
    tests = [(name, (name, at, number)) for at, (name, many) in enumerate(modules) for number in range(many)]
    assert sorted(ordered(tests, workers)) == sorted(test for _, test in tests)


@given(st.integers(0, 10_000), st.integers(1, 8))
def test_runs_are_as_long_as_the_workers_are_given(count: int, workers: int) -> None:
    """As `xdist` cuts them: all together every test, and none longer than another by more than one."""
    found = sizes(count, workers)
    assert (sum(found), len(found)) == (count, workers)
    assert max(found) - min(found) <= 1


def test_each_run_begins_with_its_slow_modules() -> None:
    """The slowest is the first of all, and the next two begin beside it."""
    tests = [(name, name) for name in [*(f"quick-{n}.py" for n in range(300)), *SLOW]]
    found, lengths = ordered(tests, 3), sizes(len(tests), 3)
    runs = [found[sum(lengths[:at]) : sum(lengths[: at + 1])] for at in range(3)]
    assert [run[0] for run in runs] == sorted(SLOW, key=lambda name: (-SLOW[name], name))[:3]
    for run in runs:
        slow = [name in SLOW for name in run]
        assert slow == sorted(slow, reverse=True)


def test_one_of_many_runs_is_of_quick_tests_alone() -> None:
    """The last; the others share the slow ones, and of three workers none is spared."""
    tests = [(name, name) for name in [*(f"quick-{n}.py" for n in range(500)), *SLOW]]
    for workers, spared in ((3, 0), (4, 1), (5, 1)):
        found, lengths = ordered(tests, workers), sizes(len(tests), workers)
        runs = [found[sum(lengths[:at]) : sum(lengths[: at + 1])] for at in range(workers)]
        assert [run[0] in SLOW for run in runs] == [True] * (workers - spared) + [False] * spared
        assert not spared or not set(runs[-1]) & SLOW.keys()


def test_the_slow_modules_are_shared_fairly() -> None:
    """No worker has more to do than another by more than the quickest of its modules."""
    loads = [[SLOW[name] for name in share] for share in shares({name: float(SLOW[name]) for name in SLOW}, 3)]
    assert max(map(sum, loads)) - min(map(sum, loads)) <= max(load[-1] for load in loads)


def test_the_slow_modules_are_there() -> None:
    """A module that was renamed would begin late again."""
    together = [each for members in TOGETHER.values() for each in members]
    assert [name for name in (*SLOW, *together) if not (ROOT / name).exists()] == []
    assert TOGETHER.keys() <= SLOW.keys()


@pytest.mark.parametrize("bundle", TOGETHER)
def test_what_shares_something_dear_begins_in_one_run(bundle: str) -> None:
    """Whatever lies between its modules when they are collected."""
    dear = [f"{each}test_{name}.py" if each.endswith("/") else each for each in TOGETHER[bundle] for name in "abc"]
    tests = [(name, name) for each in dear for name in (each, *(f"quick-{n}.py" for n in range(120)))]
    found = ordered([*tests, *((name, name) for name in SLOW if name not in TOGETHER)], 5)
    lengths = sizes(len(found), 5)
    runs = [found[sum(lengths[:at]) : sum(lengths[: at + 1])] for at in range(5)]
    with_it = [run for run in runs if set(run) & set(dear)]
    assert len(with_it) == 1
    assert [name for name in with_it[0] if name in dear] == dear
