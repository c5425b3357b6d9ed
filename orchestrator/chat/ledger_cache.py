"""What does the ledger say, without every message waiting for the Git server?

A view that is a few seconds old is used as it is; one that is older is renewed beside the message; only one that is
very old, or none, is waited for.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from orchestrator.core.errors import OrchestratorError
from orchestrator.ledger.snapshot import Ledger
from sync.errors import SyncError

FRESH, STALE = 10.0, 120.0
"""Seconds: up to the first a view counts as new, from the second on it is waited for."""


class Door(Protocol):
    """What looks at the ledger; `fleet.Fleet` is one."""

    offline: str
    """Why the remote could not be reached the last time."""

    def ledger(self) -> Ledger:
        """The ledger now. Raises SyncError when it was never reached."""


@dataclass(kw_only=True)
class Newest:
    """One fleet's ledger, looked at by many threads. `clock` is monotonic seconds."""

    fleet: Callable[[], Door]
    clock: Callable[[], float]
    _door: Door | None = None
    _seen: tuple[Ledger, str, float] | None = None
    _looking: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self) -> tuple[Ledger, str]:
        """The ledger, and why it may be old. Raises SyncError and BrokenLedger where it was never read."""
        seen = self._seen
        age = self.clock() - seen[2] if seen else STALE
        if seen is None or age >= STALE:
            return self.look()
        if age >= FRESH and self._looking.acquire(blocking=False):
            threading.Thread(target=self._look_beside, name="ledger", daemon=True).start()
        return seen[0], seen[1]

    def look(self) -> tuple[Ledger, str]:
        """The ledger as it is now."""
        with self._looking:
            return self._look()

    def _look_beside(self) -> None:
        try:
            self._look()
        except (SyncError, OrchestratorError) as error:
            if self._seen:  # what was seen stays, and every answer says why it is old
                self._seen = (self._seen[0], f"the ledger cannot be read: {error}", self.clock())
        finally:
            self._looking.release()

    def _look(self) -> tuple[Ledger, str]:
        self._door = self._door or self.fleet()
        ledger = self._door.ledger()
        old = f"{self._door.offline}: this is what was last seen" if self._door.offline else ""
        self._seen = (ledger, old, self.clock())
        return ledger, old
