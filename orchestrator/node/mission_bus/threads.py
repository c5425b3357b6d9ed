"""In which threads does a node serve its bus? One for the worker, one for headquarters' recorder, beside the loop."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from orchestrator.core.background import run_in_background
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.node.mission_bus.bus_worker import BusWorker
from orchestrator.node.mission_bus.ledger_tasks import LedgerTasks
from orchestrator.node.mission_bus.recorder import MissionRecorder

LEAVE_SECONDS = 10.0
"""Seconds that a node waits at its end for what is given back to the bus."""


@dataclass(kw_only=True)
class BusThreads:
    """A node's side of a bus. None: this node's role has no such part."""

    worker: BusWorker | None = None
    recorder: MissionRecorder | None = None
    ledger_tasks: LedgerTasks | None = None
    _over: threading.Event = field(default_factory=threading.Event)

    def start(self) -> Callable[[], None]:
        """Serves it until what this returns is called."""
        stops: list[Callable[[], None]] = []
        if self.worker is not None:
            worker = self.worker
            stops.append(
                run_in_background("bus", lambda: worker.run(self._over), self._over, wait_seconds=LEAVE_SECONDS)
            )
        if self.recorder is not None:
            recorder = self.recorder
            stops.append(
                run_in_background("recorder", lambda: recorder.run(self._over), self._over, wait_seconds=LEAVE_SECONDS)
            )

        def stop() -> None:
            self.cancel()
            for each in stops:
                each()

        return stop

    @property
    def at_work(self) -> bool:
        """Whether a draining node should wait: something that it took off the bus is not done."""
        return self.worker is not None and self.worker.at_work

    def look(self, ledger: LedgerSnapshot) -> None:
        """Takes in what the node's loop sees."""
        if self.ledger_tasks is not None:
            self.ledger_tasks.look(ledger)
        if self.recorder is not None:
            self.recorder.look(ledger)

    def cut_off(self) -> None:
        """The node could not see the ledger when it looked last."""
        if self.ledger_tasks is not None:
            self.ledger_tasks.cut_off()

    def drain(self) -> None:
        """Takes nothing new off the bus."""
        if self.worker is not None:
            self.worker.draining = True
        if self.ledger_tasks is not None:
            self.ledger_tasks.drain()

    def cancel(self) -> None:
        """Gives back what is not done."""
        self._over.set()
        if self.worker is not None:
            self.worker.wake.set()
