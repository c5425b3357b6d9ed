"""The worker that delivers what was approved, without letting the node wait for a project's server.

In a thread beside its loop, with eyes of its own. What could not be done is tried again, ever more seldom.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from orchestrator.core.errors import OrchestratorError
from orchestrator.core.events import Tell
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.workflow.approval.delivery import BranchDelivery, DeliveryResult
from sync.backoff import Backoff
from sync.errors import SyncError

RETRY = Backoff(first=15.0, limit=1800.0)
"""Seconds until a branch is tried again that could not be handed over: twice as long each time."""
POLL_SECONDS, POLLS_BEFORE_BACKGROUND = 0.2, 25
"""Seconds for which the loop looks on at most in one round, and in how many rounds one after the other."""


@dataclass(kw_only=True)
class DeliveryWorker:
    """Finishes approvals, one at a time. `clock` is monotonic seconds; `wake` calls the node's loop."""

    completion: BranchDelivery
    tell: Tell
    clock: Callable[[], float]
    wake: Callable[[], object] = lambda: None
    _thread: threading.Thread | None = None
    _rests: dict[str, tuple[float, float]] = field(default_factory=dict)
    """By mission: until when it rests, and for how many seconds."""
    _polls: int = 0

    def step(self, ledger: LedgerSnapshot) -> bool:
        """One round of the node's loop; returns whether something is being done that may change the branch soon."""
        if self._thread is not None and self._thread.is_alive():
            self._thread.join(timeout=POLL_SECONDS)
            self._polls += 1
            return self._polls <= POLLS_BEFORE_BACKGROUND
        both = self.completion
        steps = {filed.mission.name: both.deliver for filed in both.undelivered(ledger)}
        steps |= {filed.mission.name: both.finish for filed in both.due(ledger)}
        due = list(steps)
        self._rests = {name: rest for name, rest in self._rests.items() if name in due}
        ready = [name for name in due if self.clock() >= self._rests.get(name, (0.0, 0.0))[0]]
        if not ready:
            return False
        self._polls = 0
        self._thread = threading.Thread(
            target=self._finish, args=(ready[0], steps[ready[0]]), name="approvals", daemon=True
        )
        self._thread.start()
        return True

    def _finish(self, name: str, step: Callable[[str], DeliveryResult | None]) -> None:
        try:
            done = step(name)
        except (OrchestratorError, SyncError, OSError) as error:
            self._rest(name, str(error))
            return
        except Exception as error:  # a mistake of ours must not be made again at once, for ever
            self._rest(name, f"internal: {error!r}")
            return
        if done is None:  # somebody was faster, as the loop sees in a moment; where it does not, it must not spin
            self._rest(name)
        else:
            self._say(done)
        self.wake()

    def _say(self, done: DeliveryResult) -> None:
        if done.refused:
            self.tell("review", f"{done.mission} is back in review: {done.refused}", mission=done.mission)
        else:
            self.tell("approved", f"{done.mission}: its branch is in place as {done.oid[:10]}", mission=done.mission)

    def _rest(self, name: str, why: str = "") -> None:
        rest = RETRY.next(self._rests.get(name, (0.0, 0.0))[1])
        self._rests[name] = (self.clock() + rest, rest)
        if why:
            self.tell("approved", f"{name}: its branch waits, and is tried again: {why}", once=True, mission=name)
