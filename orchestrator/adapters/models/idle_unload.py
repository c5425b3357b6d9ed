"""When is a model unloaded that nobody uses? After some idle minutes: what it takes is most of a small machine."""

from __future__ import annotations

import ctypes
import gc
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class IdleUnload:
    """Calls `unload` when nothing has used the model for `seconds` (0: never). Any number of threads may use it.

    `unload` says whether it did so; where somebody uses the model just then it is called again later.
    """

    seconds: float
    unload: Callable[[], bool]
    clock: Callable[[], float] = time.monotonic
    _used: float = 0.0
    _timer: threading.Timer | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def used(self) -> None:
        """Somebody uses the model now. Cheap: at most one timer runs."""
        self._used = self.clock()
        with self._lock:
            if self.seconds and self._timer is None:
                self._start(self.seconds)

    def stop(self) -> None:
        """It is unloaded already."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

    def _start(self, seconds: float) -> None:
        self._timer = threading.Timer(seconds, self._look)
        self._timer.daemon = True
        self._timer.start()

    def _look(self) -> None:
        left = self._used + self.seconds - self.clock()
        done = left <= 0 and self.unload()
        with self._lock:
            self._timer = None
            if not done:
                self._start(max(left, min(self.seconds, 1.0)))
        if done:
            return_memory()


def return_memory() -> None:
    """Has the C library give back what was freed, where it is glibc; others do so by themselves."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
