"""The shared ledger: what do many readers of one process see, without each asking the Git server and reading it again?

One look is shared. It is renewed when the ledger moved or when it is some seconds old, by one thread; whoever asks
meanwhile waits for that a moment, and then takes what was last seen.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.ledger.transport import BEAT, LIVE, WATCH
from orchestrator.workflow import mission_view
from orchestrator.workflow.fleet import Fleet
from orchestrator.workflow.mission_view import MissionView
from sync.errors import RemoteUnreachable

MAX_AGE_SECONDS = 4.0
"""Seconds for which a look counts as new where nothing says that the ledger moved."""
PATIENCE_SECONDS, FIRST_PATIENCE_SECONDS = 3.0, 30.0
"""Seconds that a reader waits for a newer look, and for the first one."""


@dataclass(frozen=True, kw_only=True)
class LedgerLook:
    """The ledger at one moment, with the missions that need somebody as people see them."""

    ledger: LedgerSnapshot
    views: tuple[MissionView, ...]
    offline: str = ""
    """Why the remote could not be reached; what is here is then what was last seen."""

    @cached_property
    def version(self) -> str:
        """Says whether two looks are of the same state: of the branch, the claims, late work, and what waits for a
        time that has come."""
        refs = sorted(pair for pair in self.ledger.refs.items() if not pair[0].startswith((BEAT, WATCH, LIVE)))
        told = json.dumps([refs, self.rows, self.offline], default=str)
        return hashlib.blake2b(told.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        """The missions as plain data, as in `mission list --json`."""
        return [view.json() for view in self.views]


@dataclass(kw_only=True)
class SharedLedger:
    """One ledger for all readers of this process. `fleet` is asked once; `clock` is monotonic seconds; `moved` counts
    the signs that the ledger moved."""

    fleet: Callable[[], Fleet]
    clock: Callable[[], float]
    moved: Callable[[], int] = lambda: 0
    max_age: float = MAX_AGE_SECONDS
    _door: Fleet | None = None
    _look: LedgerLook | None = None
    _taken: tuple[float, int] = (0.0, -1)
    _changes: int = 0
    _error: Exception | None = None
    _looking: threading.Event | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    judging: threading.RLock = field(default_factory=threading.RLock)
    """Held while the door's Trust is asked, which remembers what it judged, for one thread at a time."""

    def look(self, *, max_age: float | None = None) -> LedgerLook:
        """The ledger as it is, or was a moment ago; with `max_age`, no more seconds ago than that, as long as nothing
        says that it moved. Raises what reading it raises where it was never read."""
        wanted = self._signs()
        for _ in range(2):  # a look that had begun before the last sign shows what was before it
            with self._lock:
                if self._look is not None and self._fresh(self.max_age if max_age is None else max_age):
                    return self._look
                if self._looking is None:
                    self._looking = threading.Event()
                    threading.Thread(target=self._renew, args=(self._looking,), name="ledger", daemon=True).start()
                looking = self._looking
            looking.wait(PATIENCE_SECONDS if self._look else FIRST_PATIENCE_SECONDS)
            if self._taken[1] >= wanted:
                break
        if self._look is None:
            raise self._error or RemoteUnreachable("the ledger", "it is still being read")
        return self._look

    @contextmanager
    def reading(self) -> Iterator[tuple[Fleet, LedgerLook]]:
        """A door to the fleet that answers from one look, for one reader at a time. Raises as `look` does."""
        seen = self.look()
        assert self._door is not None
        with self.judging:
            yield replace(self._door, held=seen.ledger), seen

    def expire(self) -> None:
        """For whoever has changed the ledger: what was looked at before now is old, also if it comes in later."""
        with self._lock:
            self._changes += 1

    def close(self) -> None:
        """Lets go of the remote."""
        if self._door is not None:
            self._door.bus.remote.close()

    def _fresh(self, max_age: float) -> bool:
        when, heard = self._taken
        return self._signs() == heard and self.clock() - when < max_age

    def _signs(self) -> int:
        return self.moved() + self._changes

    def _renew(self, looking: threading.Event) -> None:
        heard = self._signs()
        found, error = self._look, None
        try:
            found = self._take()
        except Exception as trouble:  # told to whoever waits; who has an older look keeps it
            found, error = found and replace(found, offline=str(trouble)), trouble
        with self._lock:
            self._look, self._error, self._looking = found, error, None
            self._taken = (self.clock(), heard)
        looking.set()

    def _take(self) -> LedgerLook:
        self._door = self._door or self.fleet()
        ledger = self._door.ledger()
        with self.judging:
            now, nodes = self._door.now(), self._door.nodes
            found = mission_view.mission_views(ledger, self._door.trust, now, archived=False, nodes=nodes)
            views = tuple(found)
        new = LedgerLook(ledger=ledger, views=views, offline=self._door.offline)
        old = self._look
        return old if old is not None and old.version == new.version and old.ledger.refs == ledger.refs else new
