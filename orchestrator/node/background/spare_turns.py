"""When are spare workspaces made here? At the lowest priority in a thread beside the loop, while the disk has room.

An agent waits for its model most of the time, so this does not wait until nothing runs. A node without work looks at a
folder that is not there.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from filelock import Timeout

from orchestrator.core.disk_space import GIB
from orchestrator.core.events import Tell
from orchestrator.execution.free_space import free_space
from orchestrator.execution.workspace.disk_usage import last_disk_usage
from orchestrator.execution.workspace.spare import Spares
from orchestrator.ledger.config.fleet_toml import WorkspacesPart
from orchestrator.ledger.snapshot import LedgerSnapshot
from sync.errors import GitError

REST_SECONDS = 600.0
"""Seconds until the next try where a spare could not be made, or the disk had no room for it."""
CLOSE_SECONDS = 20.0
LOWEST_PRIORITY = 19


@dataclass(kw_only=True)
class SpareTurns:
    """One node's, below its `home`. `clock` is monotonic seconds."""

    home: Path
    spares: Spares
    tell: Tell
    clock: Callable[[], float]
    _rests: float = float("-inf")
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def step(self, ledger: LedgerSnapshot) -> None:
        """One round of the loop. Takes no time; raises nothing."""
        rules = ledger.charter.workspaces
        if self._stop.is_set() or self.clock() < self._rests or (self._thread is not None and self._thread.is_alive()):
            return
        missing, unwanted = self.spares.missing(rules.keep_days), self.spares.unwanted(rules.keep_days)
        if missing or unwanted:
            args = (missing, unwanted, rules)
            self._thread = threading.Thread(target=self._run, args=args, name="spares", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Drops what is made just now, and waits a while for its end."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=CLOSE_SECONDS)

    def _run(self, missing: list[Path], unwanted: list[Path], rules: WorkspacesPart) -> None:
        try:
            for place in unwanted:
                self.spares.remove(place)
            for kept in missing[:1]:  # the next round's thread has its priority still
                room = partial(self._has_room, rules)
                if not self.spares.make(kept, stopped=self._stop.is_set, room=room, unlocked=_give_way):
                    self._rests = self.clock() + REST_SECONDS
        except (GitError, OSError, Timeout) as error:
            self._rests = self.clock() + REST_SECONDS
            if not self._stop.is_set():
                self.tell("disk", f"no workspace stands ready for the next attempt: {error}", once=True)

    def _has_room(self, rules: WorkspacesPart, size: int) -> bool:
        """Whether a spare of so many bytes leaves as much as an attempt needs, and its own once more."""
        known = last_disk_usage(self.home)
        within = known.work + known.chats + known.clones + size <= rules.disk_gib * GIB
        return within and not free_space(self.home).shortage(int(rules.free_gib * GIB) + 2 * size)


def _give_way() -> None:
    """Puts this thread behind all else; where threads have no priority of their own, nothing."""
    if sys.platform == "linux":  # what a thread starts has its priority
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LOWEST_PRIORITY)
