"""How does a test wait for what another thread or process does? Until it is so; a limit ends what hangs, no more.

The limit is far above what the slowest machine needs, so that no promise is one about speed.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

PATIENCE = 180.0
"""Seconds after which a test takes it that something hangs."""

SOON, SELDOM = 0.01, 0.1
"""Seconds between two looks, at first and after a while: what is waited for needs the processor, too."""


def until(so: Callable[[], object], what: str = "it", *, seconds: float = PATIENCE) -> None:
    """Waits until something is so. Raises AssertionError if it never is."""
    over, pause = time.monotonic() + seconds, SOON
    while not so():
        assert time.monotonic() < over, f"{what}: not within {seconds:.0f} s"
        time.sleep(pause)
        pause = min(pause * 1.2, SELDOM)


@contextmanager
def once(so: Callable[[], object], act: Callable[[], object]) -> Iterator[None]:
    """Does something beside the test's own steps as soon as something is so; at their end, if it never was."""
    over = threading.Event()

    def watch() -> None:
        limit = time.monotonic() + PATIENCE
        while not so() and time.monotonic() < limit and not over.wait(0.01):
            pass
        act()

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(PATIENCE)
