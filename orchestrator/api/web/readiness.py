"""Is a slow part ready? Asked rarely and in the background, so that asking is always fast."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class ReadinessProbe:
    """One such question. `check` returns why it does not work, or an empty text; what it raises is an answer too."""

    check: Callable[[], str]
    clock: Callable[[], float]
    """Monotonic seconds."""
    every: float = 15.0
    """Seconds for which an answer holds."""
    patience: float = 2.0
    """Seconds that the one who asks waits for a new answer."""
    _why: str = "not known yet"
    _at: float | None = None
    _asking: threading.Event | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def why(self) -> str:
        """Why it does not work, as far as is known; empty when it does. Takes at most `patience` seconds."""
        with self._lock:
            if self._at is not None and self.clock() - self._at < self.every:
                return self._why
            if self._asking is None:
                self._asking = threading.Event()
                threading.Thread(target=self._ask, args=(self._asking,), name="probe", daemon=True).start()
            asking = self._asking
        if not asking.wait(self.patience):
            return "no answer yet"
        return self._why

    def _ask(self, asking: threading.Event) -> None:
        try:
            why = self.check()
        except Exception as error:  # whatever it is, it is why it does not work
            why = f"it fails ({type(error).__name__})"
        with self._lock:
            self._why, self._at, self._asking = why, self.clock(), None
        asking.set()
