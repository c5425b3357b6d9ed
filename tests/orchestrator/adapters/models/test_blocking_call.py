"""Can a caller leave a call that blocks, hear what it tells, and get its errors?"""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from orchestrator.adapters.models.blocking_call import run_blocking
from tests.waiting import PATIENCE, until

Emit = Callable[[int], bool]


def run(work: Callable[[Emit], None], heard: Callable[[int], None], stop: threading.Event | None = None) -> bool:
    """With a flag of its own."""
    return run_blocking(work, heard, stop or threading.Event(), left=threading.Event(), name="a call")


def names() -> list[str]:
    """The threads that run."""
    return [each.name for each in threading.enumerate()]


def test_events_are_heard_in_their_order_in_the_callers_thread() -> None:
    """And it ended by itself."""
    found: list[tuple[int, str]] = []

    def work(emit: Emit) -> None:
        for number in range(100):
            assert not emit(number)

    assert run(work, lambda event: found.append((event, threading.current_thread().name)))
    assert found == [(number, threading.current_thread().name) for number in range(100)]


def test_a_stop_is_heeded_while_nothing_is_told() -> None:
    """The caller goes on while the library blocks; the thread ends at its next sign of progress."""
    stop, inside, go = threading.Event(), threading.Event(), threading.Event()
    last: list[bool] = []

    def work(emit: Emit) -> None:
        inside.set()
        stop.set()
        assert go.wait(PATIENCE)
        last.append(emit(1))

    assert not run(work, lambda _: pytest.fail("nobody listens any more"), stop)
    assert inside.is_set()
    assert "a call" in names()
    go.set()
    until(lambda: "a call" not in names(), "the thread ends")
    assert last == [True]


def test_a_call_that_was_stopped_before_it_began_is_not_heard() -> None:
    """Whatever it tells."""
    stop = threading.Event()
    stop.set()
    assert not run(lambda emit: [emit(n) for n in range(3)] and None, lambda _: pytest.fail("heard"), stop)
    until(lambda: "a call" not in names(), "the thread ends")


def test_an_error_of_the_call_is_the_callers() -> None:
    """After all that was told before it."""
    found: list[int] = []

    def work(emit: Emit) -> None:
        emit(1)
        raise KeyError("no such thing")

    with pytest.raises(KeyError, match="no such thing"):
        run(work, found.append)
    assert found == [1]


def test_an_error_of_who_listens_ends_the_call() -> None:
    """The library is told that nobody listens."""
    ended = threading.Event()

    def work(emit: Emit) -> None:
        while not emit(1):
            pass
        ended.set()

    def heard(_event: int) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(work, heard)
    assert ended.wait(PATIENCE)


def test_others_may_end_it() -> None:
    """A model that is unloaded: the call ends without an error, and its caller knows that it was not whole."""
    left, found = threading.Event(), list[int]()

    def work(emit: Emit) -> None:
        emit(1)
        left.set()
        assert emit(2)

    assert not run_blocking(work, found.append, threading.Event(), left=left, name="a call")
    assert found == [1, 2]
