"""What does a node do while it is idle? Useful work of its own (ENABLE_PROACTIVE_AUTONOMY), until a mission comes.

It runs in one thread beside the loop and takes no slot, so a mission is claimed as if nothing ran; in the same round
the work is told to stop, and what it did not finish is begun anew some other time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from orchestrator.core.events import Tell
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.node.jobs import RunningJobs
from orchestrator.node.precedence import Precedence
from orchestrator.workflow.idle.idle_task import IdleTask

IDLE_SECONDS = 300.0
"""Seconds without a mission from which a node is idle."""
REST_SECONDS = 3600.0
"""Seconds from the beginning of one round of its own work to the next."""
CLOSE_SECONDS = 20.0


@dataclass(kw_only=True)
class IdleWork:
    """One node's. `clock` is monotonic seconds."""

    tasks: Sequence[IdleTask]
    jobs: RunningJobs
    precedence: Precedence
    tell: Tell
    clock: Callable[[], float]
    _since: float | None = None
    """Since when nothing runs here."""
    _began: float = float("-inf")
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def step(self, ledger: LedgerSnapshot, *, draining: bool = False) -> None:
        """One round of the loop. Takes no time; raises nothing."""
        if self.jobs.by_mission or draining:
            self._since = None
            self._drop()
            return
        now = self.clock()
        self._since = now if self._since is None else self._since
        busy = self._thread is not None and self._thread.is_alive()
        if busy or now - self._since < IDLE_SECONDS or now - self._began < REST_SECONDS:
            return
        mine = [task for task in self.tasks if not task.shared or self._is_first(ledger, task)]
        self._began, self._stop = now, threading.Event()
        args = (mine, ledger, self._stop)
        self._thread = threading.Thread(target=self._run, args=args, name="idle work", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Drops what is done just now, and waits a while for its end."""
        self._drop()
        if self._thread is not None:
            self._thread.join(timeout=CLOSE_SECONDS)

    def _drop(self) -> None:
        if self._thread is not None and self._thread.is_alive() and not self._stop.is_set():
            self._stop.set()
            self._began = float("-inf")  # what was dropped is begun anew when the node is idle again
            self.tell("idle", "dropped its own work: there is a mission")

    def _is_first(self, ledger: LedgerSnapshot, task: IdleTask) -> bool:
        """Whether nobody is before this node in what one does for all."""
        return self.precedence.wait(ledger, f"idle {task.name}") == 0.0

    def _run(self, tasks: Sequence[IdleTask], ledger: LedgerSnapshot, stop: threading.Event) -> None:
        for task in tasks:
            if stop.is_set():
                return
            try:
                did = task.run(ledger, stop)
            except Exception as error:  # of the line, a disk, or ours: it is told, and the next hour tries again
                self.tell("idle", f"{task.name}: {type(error).__name__}: {error}", once=True)
                continue
            if did:
                self.tell("idle", f"of its own accord: {did}")
