"""Filing of reviews: does a week's journal wait to be read, and no schedule says when?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from orchestrator.core.ports.model import Stop
from orchestrator.core.time_text import format_utc
from orchestrator.ledger.publish import commit_change
from orchestrator.ledger.snapshot import LedgerSnapshot, SnapshotReader
from orchestrator.ledger.transport import Transport
from orchestrator.workflow.journal.review_schedule import oldest_unread, review_mission, review_mission_name
from orchestrator.workflow.journal.review_status import MAX_UNREAD_AGE


@dataclass(frozen=True, kw_only=True)
class ReviewFiling:
    """Files the review that a person would have had to think of. With a schedule in fleet.toml it files none."""

    bus: Transport
    reader: SnapshotReader
    now: Callable[[], datetime]
    name: str = "a review of the logs"
    shared: bool = True

    def run(self, ledger: LedgerSnapshot, stop: Stop) -> str:
        """One commit by compare-and-swap, named after the day: of two nodes one files it."""
        due = self.now().replace(hour=0, minute=0, second=0, microsecond=0)
        oldest = oldest_unread(ledger, due)
        late = oldest is not None and oldest < format_utc(self.now() - MAX_UNREAD_AGE)
        if ledger.charter.review.cron or not late or stop.is_set():
            return ""
        since = (oldest or "")[:10]
        why = f"Entries of the journal have waited since {since}, and {self.bus.name} had nothing else to do."
        filed = commit_change(self.bus, self.reader, lambda newest: review_mission(newest, due, why))
        return f"filed {review_mission_name(due)}" if filed else ""
