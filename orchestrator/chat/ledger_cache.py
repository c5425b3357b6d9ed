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
from orchestrator.ledger.snapshot import LedgerSnapshot
from sync.errors import SyncError

FRESH_SECONDS, STALE_SECONDS = 10.0, 120.0
"""Seconds: up to the first a view counts as new, from the second on it is waited for."""


class LedgerSource(Protocol):
    """What looks at the ledger; `fleet.Fleet` is one."""

    offline: str
    """Why the remote could not be reached the last time."""

    def ledger(self) -> LedgerSnapshot:
        """The ledger now. Raises SyncError when it was never reached."""


@dataclass(kw_only=True)
class LedgerCache:
    """One fleet's ledger, looked at by many threads. `clock` is monotonic seconds."""

    fleet: Callable[[], LedgerSource]
    clock: Callable[[], float]
    _door: LedgerSource | None = None
    _seen: tuple[LedgerSnapshot, str, float] | None = None
    _looking: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self) -> tuple[LedgerSnapshot, str]:
        """The ledger, and why it may be old. Raises SyncError and BrokenLedger where it was never read."""
        seen = self._seen
        age = self.clock() - seen[2] if seen else STALE_SECONDS
        if seen is None or age >= STALE_SECONDS:
            return self.look()
        if age >= FRESH_SECONDS and self._looking.acquire(blocking=False):
            threading.Thread(target=self._refresh_in_background, name="ledger", daemon=True).start()
        return seen[0], seen[1]

    def look(self) -> tuple[LedgerSnapshot, str]:
        """The ledger as it is now."""
        with self._looking:
            return self._look()

    def _refresh_in_background(self) -> None:
        try:
            self._look()
        except (SyncError, OrchestratorError) as error:
            if self._seen:  # what was seen stays, and every answer says why it is old
                self._seen = (self._seen[0], f"the ledger cannot be read: {error}", self.clock())
        finally:
            self._looking.release()

    def _look(self) -> tuple[LedgerSnapshot, str]:
        self._door = self._door or self.fleet()
        ledger = self._door.ledger()
        old = f"{self._door.offline}: this is what was last seen" if self._door.offline else ""
        self._seen = (ledger, old, self.clock())
        return ledger, old
