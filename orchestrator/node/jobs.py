"""What runs on this node now, and what of it does the ledger call off?"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from missions.mission import Mission, Status
from orchestrator.ledger.snapshot import HeldClaim, LedgerSnapshot
from orchestrator.node.executor import CancelToken, StopReason


@dataclass(frozen=True, kw_only=True)
class RunningJob:
    """A mission that this node works on now."""

    held: HeldClaim
    mission: Mission
    thread: threading.Thread
    cancel_token: CancelToken


def stop_called_off(
    jobs: Mapping[str, RunningJob], ledger: LedgerSnapshot, deleted: Callable[[LedgerSnapshot, str], bool]
) -> None:
    """Stops work that a person cancelled or paused: by the file's `status`, or by deleting the file."""
    for name, job in jobs.items():
        reason = _stop_reason(name, ledger, deleted)
        if reason:
            job.cancel_token.stop(reason)


def _stop_reason(name: str, ledger: LedgerSnapshot, deleted: Callable[[LedgerSnapshot, str], bool]) -> str:
    filed = ledger.open.get(name)
    if filed is None:
        return StopReason.CANCELLED if deleted(ledger, name) else ""
    said = {Status.CANCELLED: StopReason.CANCELLED, Status.PARKED: StopReason.PAUSED}
    return said.get(filed.mission.status, "")
