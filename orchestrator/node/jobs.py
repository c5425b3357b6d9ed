"""What runs on this node now, and what of it does the ledger call off?"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from missions.mission import Mission, Status
from orchestrator.ledger.snapshot import Held, Ledger
from orchestrator.node.executor import Reason, Stopper


@dataclass(frozen=True, kw_only=True)
class Job:
    """A mission that this node works on now."""

    held: Held
    mission: Mission
    thread: threading.Thread
    stopper: Stopper


def call_off(jobs: Mapping[str, Job], ledger: Ledger, deleted: Callable[[Ledger, str], bool]) -> None:
    """Stops work that a person cancelled or paused: by the file's `status`, or by deleting the file."""
    for name, job in jobs.items():
        reason = _called_off(name, ledger, deleted)
        if reason:
            job.stopper.stop(reason)


def _called_off(name: str, ledger: Ledger, deleted: Callable[[Ledger, str], bool]) -> str:
    filed = ledger.open.get(name)
    if filed is None:
        return Reason.CANCELLED if deleted(ledger, name) else ""
    said = {Status.CANCELLED: Reason.CANCELLED, Status.PARKED: Reason.PAUSED}
    return said.get(filed.mission.status, "")
