"""When does this node take its heartbeat turns? At the beginning of each, in a thread beside its loop.

What it looks at by itself it looks at at once; what one node looks at for all it leaves for a while to those before it
in the order in which nodes fold and keep the ledger in order. Nothing is safe because of the order: what several looked
at at once is recorded once (`workflow.heartbeat.turn`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from orchestrator.core.events import Tell
from orchestrator.ledger.heartbeat.cadence import turn_start
from orchestrator.ledger.heartbeat.checklist import PATH
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.node.precedence import Precedence
from orchestrator.workflow.heartbeat.turn import TurnReport
from sync.objects import find

SILENT_SECONDS = 60.0
"""Seconds from which a node that stands still is shown to the probes; they say themselves what is too long."""
RETRY_SECONDS = 120.0
"""Seconds after which a turn that failed is tried again."""
CLOSE_SECONDS = 20.0


class Turn(Protocol):
    """What a turn does."""

    def run(self, *, shared: bool, silent: Mapping[str, float]) -> TurnReport:
        """Looks at what is due, for all or for this node. Raises what the remote raises."""


@dataclass(kw_only=True)
class HeartbeatTurns:
    """One node's. `clock` is monotonic seconds, `now` the wall clock."""

    turn: Turn
    precedence: Precedence
    tell: Tell
    clock: Callable[[], float]
    now: Callable[[], datetime]
    _slot: datetime | None = None
    _due: dict[bool, float] = field(default_factory=dict)
    """When the turn for all (True) and this node's own (False) are taken."""
    _thread: threading.Thread | None = None

    def step(self, ledger: LedgerSnapshot) -> None:
        """One round of the loop. Takes no time; raises nothing."""
        part, now = ledger.charter.heartbeat, self.now()
        if not part.is_active(now) or find(ledger.store, ledger.tree, PATH) is None:
            return
        slot = turn_start(part.every_minutes, now)
        if slot != self._slot:
            self._slot = slot
            wait = self.precedence.wait(ledger, f"heartbeat {slot:%Y%m%d%H%M}")
            self._due = {False: self.clock(), True: self.clock() + wait}
        if self._thread is not None and self._thread.is_alive():
            return
        for shared, at in self._due.items():
            if self.clock() >= at:
                del self._due[shared]
                self._start(shared, self.precedence.liveness.silent(SILENT_SECONDS))
                return

    def close(self) -> None:
        """Waits a while for what is looked at just now."""
        if self._thread is not None:
            self._thread.join(timeout=CLOSE_SECONDS)

    def _start(self, shared: bool, silent: Mapping[str, float]) -> None:
        self._thread = threading.Thread(
            target=self._run, args=(shared, dict(silent)), name="heartbeat turn", daemon=True
        )
        self._thread.start()

    def _run(self, shared: bool, silent: Mapping[str, float]) -> None:
        try:
            report = self.turn.run(shared=shared, silent=silent)
        except Exception as error:  # of the line, or ours: the node works on, and the turn is taken again
            self.tell("heartbeat", f"the turn failed, and is taken again: {type(error).__name__}: {error}", once=True)
            self._due.setdefault(shared, self.clock() + RETRY_SECONDS)
            return
        for problem in report.problems:
            self.tell("heartbeat", problem, once=True)
        for words in report.held:
            self.tell("heartbeat", words, once=True)
        if report.pushed:
            self._tell_news(report)

    def _tell_news(self, report: TurnReport) -> None:
        for words in report.told:
            self.tell("found", words)
        for name in report.missions:
            self.tell("filed", f"{name}: {PATH} asks for it", mission=name)
