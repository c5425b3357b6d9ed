"""How does a mission that a bus brings become this node's next one in the ledger? It is asked for before all others.

The bus only says which mission comes next, and to whom: whether it may run is judged by the ledger's own text and
signatures, whoever wins its claim works on it, and from then on the claim's lease is what keeps it. So a bus that loses
or doubles what it carries loses and doubles nothing.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from missions.mission import OPEN
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.workflow.delegation.task_types import TaskCarried, TaskInterrupted, TaskJob

PATIENCE_SECONDS = 60.0
"""Seconds for which this node tries to claim what it was brought; then whoever can may take it from the ledger."""
FILING_SECONDS = 30.0
"""Seconds for which it waits that headquarters files it."""
LOOK_SECONDS = 0.5


@dataclass(kw_only=True)
class LedgerTasks:
    """The handler of the types that the ledger does. `wake` has the node's loop look at the ledger."""

    wake: Callable[[], None]
    clock: Callable[[], float]
    patience: float = PATIENCE_SECONDS
    filing: float = FILING_SECONDS
    _wanted: Counter[str] = field(default_factory=Counter)
    """The missions that wait to be claimed, each with how many deliveries of it wait: two keys may name one mission."""
    _states: dict[str, str] = field(default_factory=dict)
    _cut_off: bool = False
    _draining: bool = False
    _moved: threading.Condition = field(default_factory=threading.Condition)

    def is_wanted(self, mission: str) -> bool:
        """Whether the bus has brought this mission to this node, so that it is this node's turn."""
        with self._moved:
            return mission in self._wanted

    @property
    def reachable(self) -> bool:
        """Whether the loop saw the ledger when it looked last: without it no claim can be asked for."""
        return not self._cut_off

    def cut_off(self) -> None:
        """The loop could not see the ledger. Any thread's."""
        self._cut_off = True

    def drain(self) -> None:
        """The node claims nothing any more: whatever waits for a claim is given back."""
        with self._moved:
            self._draining = True
            self._moved.notify_all()

    def look(self, ledger: LedgerSnapshot) -> None:
        """Takes in what the loop sees: which of them are carried by the ledger now. Any thread's."""
        with self._moved:
            self._cut_off = False
            self._states = {name: _state(ledger, name) for name in self._wanted}
            self._moved.notify_all()

    def __call__(self, job: TaskJob) -> Mapping[str, Any] | None:
        """Raises TaskCarried when the ledger carries it, and TaskInterrupted when it must not wait, or headquarters has
        not filed it: that is nobody's failed attempt, and a headquarters that is away must not spend a mission."""
        name = job.envelope.mission
        with self._moved:
            self._wanted[name] += 1
        self.wake()
        try:
            return self._wait(name, job)
        finally:
            with self._moved:
                self._wanted[name] -= 1
                if not self._wanted[name]:
                    del self._wanted[name]
                    self._states.pop(name, None)

    def _wait(self, name: str, job: TaskJob) -> Mapping[str, Any] | None:
        began = self.clock()
        while not job.stopped():
            with self._moved:
                self._moved.wait(LOOK_SECONDS)
                state, waited = self._states.get(name, ""), self.clock() - began
            if state in {"claimed", "over"}:
                raise TaskCarried(f"{name} is {state} in the ledger")
            if self._draining:
                raise TaskInterrupted("its node takes nothing on any more")
            if state == "open" and waited > self.patience:
                raise TaskCarried(f"{name} waits in the ledger for a node that can do it")
            if state != "open" and waited > self.filing:
                raise TaskInterrupted(f"headquarters has not filed {name} within {self.filing:g} s")
        raise TaskInterrupted("its worker was stopped")


def _state(ledger: LedgerSnapshot, name: str) -> str:
    if name in ledger.claims:
        return "claimed"
    filed = ledger.open.get(name)
    if filed is not None:
        return "open" if filed.mission.status in OPEN else "over"
    return "over" if ledger.archived(name) is not None else "missing"
