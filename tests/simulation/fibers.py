"""How can code that waits for a remote be played in virtual time, many at once and always in the same order?

Each piece of work has a greenlet, a stack of its own. Only one at a time is played: whoever waits hands the turn
back. So the product's own blocking code is used as it is, and a seed decides everything.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from greenlet import getcurrent, greenlet

Fiber = greenlet
"""One piece of work that is played."""


class PowerCut(BaseException):
    """Ends a fiber wherever it waits: no handler for ordinary errors may stop it, as none stops a real power cut."""


class Fibers:
    """Those that wait."""

    def __init__(self) -> None:
        self._waiting: dict[Fiber, None] = {}
        self.current: Fiber | None = None

    def start(self, work: Callable[[], None]) -> None:
        """Plays some work in a fiber until it waits or is done. Raises what it raises."""
        fiber = greenlet(lambda: _play(work))
        self._played(fiber, fiber.switch)

    def resume(self, fiber: Fiber, *, cut: bool = False) -> None:
        """Lets one that waits go on, or ends it there."""
        del self._waiting[fiber]
        self._played(fiber, (lambda: fiber.throw(PowerCut)) if cut else fiber.switch)

    def wait(self) -> None:
        """Inside a fiber: hands the turn back until somebody resumes this. Raises PowerCut."""
        fiber = self.current
        assert fiber is not None, "only work in a fiber can wait"
        self._waiting[fiber] = None
        fiber.parent.switch()

    def close(self) -> None:
        """Ends all that wait."""
        for fiber in list(self._waiting):
            self.resume(fiber, cut=True)

    def _played(self, fiber: Fiber, play: Callable[[], object]) -> None:
        fiber.parent = getcurrent()
        self.current = fiber
        try:
            play()
        finally:
            self.current = None


def _play(work: Callable[[], None]) -> None:
    with suppress(PowerCut):  # what it was doing is lost, which is the point
        work()
