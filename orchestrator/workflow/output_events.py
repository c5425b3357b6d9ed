"""When has a running attempt said something more? Its output events, told at `/api/v1/events` to whoever listens.

What runs on this machine is seen by its file growing. What runs elsewhere is asked for while somebody has looked at it
lately: one look at the Git server, which brings nothing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.execution.live_output import PROGRESS_FILE
from orchestrator.execution.workspace.attempt_dirs import AttemptDirs
from orchestrator.ledger.transport import LIVE
from sync.errors import SyncError
from sync.remote import LedgerRemote

HERE_SECONDS, AWAY_SECONDS = 1.0, 2.0
"""Seconds between two looks at the files here, and at the Git server."""
WATCHED_SECONDS = 60.0
"""Seconds after which a mission that nobody looked at is not watched any more."""

Publish = Callable[[str, Mapping[str, object]], None]


@dataclass(kw_only=True)
class OutputEvents:
    """One process's. `remote` opens the Git server's line when it is first needed; any thread may call `watched`."""

    folder: Path
    publish: Publish
    remote: Callable[[], LedgerRemote]
    clock: Callable[[], float] = time.monotonic
    _watched: dict[str, float] = field(default_factory=dict)
    _sizes: dict[Path, int] | None = None
    _views: dict[str, str] = field(default_factory=dict)
    _over: threading.Event = field(default_factory=threading.Event)
    _line: LedgerRemote | None = None

    def watched(self, mission: str) -> None:
        """Somebody has looked at a mission that runs elsewhere."""
        self._watched[mission] = self.clock()

    def start(self) -> Callable[[], None]:
        """Watches until what this returns is called."""
        thread = threading.Thread(target=self._run, name="output", daemon=True)
        thread.start()

        def stop() -> None:
            self._over.set()
            thread.join(timeout=5)
            if self._line is not None:
                self._line.close()

        return stop

    def _run(self) -> None:
        looked = self.clock()
        while not self._over.wait(HERE_SECONDS):
            self.look_here()
            if self.clock() - looked >= AWAY_SECONDS:
                self.look_away()
                looked = self.clock()

    def look_here(self) -> None:
        """Tells of attempts of this machine whose output has grown."""
        before, now = self._sizes, dict[Path, int]()
        for path, label in AttemptDirs(self.folder).every():
            try:
                size = (path / PROGRESS_FILE).stat().st_size
            except OSError:
                continue
            now[path] = size
            if before is not None and size != before.get(path, 0):
                self.publish("output", {"mission": label.mission, "epoch": label.epoch})
        self._sizes = now

    def look_away(self) -> None:
        """Tells of missions elsewhere that are watched and whose node shows something new."""
        now = self.clock()
        wanted = {name for name, seen in list(self._watched.items()) if now - seen < WATCHED_SECONDS}
        self._watched = {name: seen for name, seen in list(self._watched.items()) if name in wanted}
        if not wanted:
            return
        try:
            self._line = self._line or self.remote()
            shown = self._line.heads(*(LIVE + name for name in sorted(wanted)))
        except (SyncError, OSError):  # whoever looks is told by the look itself
            return
        for name in sorted(wanted):
            oid = shown.get(LIVE + name, "")
            if oid and oid != self._views.get(name):
                self.publish("output", {"mission": name})
            self._views[name] = oid
