"""Which jobs run on this node now, and what of it does the ledger call off?"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

from missions.mission import Mission, Status
from orchestrator.execution.message_box import MessageBox
from orchestrator.ledger.snapshot import HeldClaim, LedgerSnapshot
from orchestrator.node.executor import CancelToken, StopReason


@dataclass(kw_only=True)
class RunningJob:
    """A mission that this node works on now."""

    held: HeldClaim
    mission: Mission
    thread: threading.Thread
    cancel_token: CancelToken
    box: MessageBox = field(default_factory=MessageBox)
    """What people say to it."""
    began: float = field(default_factory=time.monotonic)
    """On the monotonic clock."""
    budget_usd: float | None = None
    """The mission's own budget as this node follows it: a person may change it while the mission runs."""


@dataclass(kw_only=True)
class RunningJobs:
    """The jobs of one node, `slots` at most. The loop adds and takes out; any thread may stop them."""

    slots: int = 1
    wake: threading.Event = field(default_factory=threading.Event)
    """Set when the node's loop should look."""
    by_mission: dict[str, RunningJob] = field(default_factory=dict)

    @property
    def free(self) -> int:
        """Slots in which nothing runs."""
        return self.slots - len(self.by_mission)

    @property
    def alive(self) -> bool:
        """Whether something still works."""
        return any(job.thread.is_alive() for job in self.by_mission.values())

    def stop(self, reason: str) -> None:
        """Tells everything that runs to end now."""
        for job in list(self.by_mission.values()):
            job.cancel_token.stop(reason)
        self.wake.set()

    def fence(self) -> None:
        """The same, because the leases cannot be trusted any more."""
        self.stop(StopReason.FENCED)

    def join(self, seconds: float) -> None:
        """Waits for the ends, for so many seconds each."""
        for job in list(self.by_mission.values()):
            job.thread.join(timeout=seconds)

    def settled(self, held: HeldClaim) -> None:
        """The very claim needs its slot no longer."""
        job = self.by_mission.get(held.claim.mission)
        if job is not None and job.held.oid == held.oid:
            del self.by_mission[held.claim.mission]

    def stop_called_off(self, ledger: LedgerSnapshot) -> None:
        """Stops work that a person cancelled or paused: by the file's `status`, or by deleting the file."""
        for name, job in self.by_mission.items():
            reason = _stop_reason(name, ledger)
            if reason:
                job.cancel_token.stop(reason)


def _stop_reason(name: str, ledger: LedgerSnapshot) -> str:
    filed = ledger.open.get(name)
    if filed is None:
        return StopReason.CANCELLED if ledger.deleted(name) else ""
    said = {Status.CANCELLED: StopReason.CANCELLED, Status.PARKED: StopReason.PAUSED}
    return said.get(filed.mission.status, "")
