"""How can code that waits for a remote be played in virtual time, many at once and always in the same order?

Each piece of work has a thread, but only one thread ever runs: whoever waits hands the turn back. So the product's own
blocking code is used as it is, and a seed decides everything.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

STACK = 512 * 1024


class PowerCut(BaseException):
    """Ends a fiber wherever it waits: no handler for ordinary errors may stop it, as none stops a real power cut."""


class Fiber:
    """One thread that plays one piece of work after another."""

    def __init__(self, idle: list[Fiber]) -> None:
        self._go, self._back = threading.Lock(), threading.Lock()
        self._go.acquire()
        self._back.acquire()
        self._idle = idle
        self._work: Callable[[], None] | None = None
        self._error: BaseException | None = None
        self._cut = False
        self._thread = threading.Thread(target=self._play, name="fiber", daemon=True)
        self._thread.start()

    def start(self, work: Callable[[], None]) -> None:
        """Plays this until it waits or is done. Raises what it raises."""
        self._work, self._cut = work, False
        self._turn()

    def resume(self, *, cut: bool = False) -> None:
        """Goes on where it waits; with `cut`, ends it there."""
        self._cut = cut
        self._turn()

    def wait(self) -> None:
        """Inside: hands the turn back until somebody resumes this. Raises PowerCut."""
        self._back.release()
        self._go.acquire()
        if self._cut:
            raise PowerCut

    def close(self) -> None:
        """Ends the thread, of a fiber that is idle."""
        self._work = None
        self._go.release()
        self._thread.join()

    def _turn(self) -> None:
        self._go.release()
        self._back.acquire()
        error, self._error = self._error, None
        if error is not None:
            raise error

    def _play(self) -> None:
        while True:
            self._go.acquire()
            if self._work is None:
                return
            try:
                self._work()
            except PowerCut:
                pass  # what it was doing is lost, which is the point
            except BaseException as error:  # goes on in the thread that gave the turn
                self._error = error
            self._idle.append(self)
            self._back.release()


class Fibers:
    """Fibers that are used again and again."""

    def __init__(self) -> None:
        self._idle: list[Fiber] = []
        self._waiting: dict[Fiber, None] = {}
        self.current: Fiber | None = None

    def start(self, work: Callable[[], None]) -> None:
        """Plays some work in a fiber until it waits or is done."""
        fiber = self._idle.pop() if self._idle else _new(self._idle)
        self._played(fiber, lambda: fiber.start(work))

    def resume(self, fiber: Fiber, *, cut: bool = False) -> None:
        """Lets one that waits go on, or ends it."""
        del self._waiting[fiber]
        self._played(fiber, lambda: fiber.resume(cut=cut))

    def wait(self) -> None:
        """Inside a fiber: waits to be resumed."""
        fiber = self.current
        assert fiber is not None, "only work in a fiber can wait"
        self._waiting[fiber] = None
        fiber.wait()

    def close(self) -> None:
        """Ends all threads."""
        for fiber in list(self._waiting):
            self.resume(fiber, cut=True)
        for fiber in self._idle:
            fiber.close()
        self._idle.clear()

    def _played(self, fiber: Fiber, play: Callable[[], None]) -> None:
        self.current = fiber
        try:
            play()
        finally:
            self.current = None


def _new(idle: list[Fiber]) -> Fiber:
    before = threading.stack_size(STACK)
    try:
        return Fiber(idle)
    finally:
        threading.stack_size(before)
