"""When is a review due, who sees to it, and what if nobody was there at the time?

A due review is an ordinary mission, `missions/review-<day>-<time>.md` with `task: review`, named after the time at
which it was due. That is why there is no leader and no lock of its own: filing it is a compare-and-swap on the branch,
which the first node wins and the others find done; claiming it is the bus's race, and a node that dies in it is taken
over.

It is also why APScheduler keeps its job in memory. What has to survive a restart is which review was due last and
whether it was held; a job store on one node's disk would know that for this node only, and would forget it with the
disk. The ledger knows it for all: the mission is there, or it is not. So a node that starts looks once, and if the last
time that cron names has passed without a mission, while entries from before it wait to be read, it files that one:
missed reviews are caught up once, however many there were. APScheduler wakes the node.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from missions import frontmatter
from missions.mission import REVIEW, Status
from orchestrator.core import cron
from orchestrator.core.time_text import format_utc
from orchestrator.ledger.config.fleet_toml import ReviewPart
from orchestrator.ledger.publish import LedgerChange
from orchestrator.ledger.snapshot import MISSIONS, LedgerSnapshot
from orchestrator.workflow.journal.review_cursor import projects_with_log, unread_entries

if TYPE_CHECKING:
    from apscheduler.schedulers.background import BackgroundScheduler

PENDING_STATUSES = frozenset({Status.QUEUED, Status.RUNNING, Status.FAILED})
"""A review in one of these states is still to come: another one need not be filed."""


def review_mission_name(due: datetime) -> str:
    """The name of the review that is due then."""
    return f"review-{due.astimezone(UTC):%Y-%m-%d-%H%M}"


def review_missing(ledger: LedgerSnapshot, due: datetime) -> bool:
    """Whether the review that was due then was never filed, although there was something to read."""
    if oldest_unread(ledger, due) is None or any(
        filed.mission.task == REVIEW and filed.mission.status in PENDING_STATUSES for filed in ledger.open.values()
    ):
        return False
    name = review_mission_name(due)
    known = name in ledger.open or any(bad.name == name for bad in ledger.quarantined)
    return not known and name not in ledger.claims and ledger.archived(name) is None


def oldest_unread(ledger: LedgerSnapshot, due: datetime) -> str | None:
    """The oldest entry's time among those that the review due then should have read; None when there is none."""
    waiting = [entry.when for name in projects_with_log(ledger) for entry in unread_entries(ledger, name)]
    return min((when for when in waiting if when <= format_utc(due.astimezone(UTC))), default=None)


def review_mission(ledger: LedgerSnapshot, due: datetime, why: str = "") -> LedgerChange | None:
    """The mission as it is filed; None if somebody has filed it meanwhile. `why` says who wants it, if no schedule."""
    if not review_missing(ledger, due):
        return None
    name = review_mission_name(due)
    title = frontmatter.print_scalar(f"Review of the session logs, due {due.astimezone(UTC):%Y-%m-%d %H:%M} UTC")
    line = why or f'fleet.toml asks for it: `review.cron = "{ledger.charter.review.cron}"`.'
    text = f"---\ntask: {REVIEW}\ntitle: {title}\n---\n{line} It reads the new entries and keeps the briefings true.\n"
    return LedgerChange(files={f"{MISSIONS}/{name}.md": text.encode()}, message=f"Mission: {name}")


@dataclass(kw_only=True)
class ReviewSchedule:
    """The fleet's cron line, followed as it changes. `wake` is called from a thread when it comes due."""

    wake: Callable[[], None]
    now: Callable[[], datetime]
    _part: ReviewPart = field(default_factory=ReviewPart)
    _timer: BackgroundScheduler | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def last_due(self, part: ReviewPart) -> datetime | None:
        """When a review was due last; None without a schedule. Follows a changed line from now on."""
        with self._lock:
            if part != self._part:
                self._follow(part)
        return cron.last_due(part.cron, part.timezone, self.now()) if part.cron else None

    def close(self) -> None:
        """Ends the scheduler's thread."""
        with self._lock:
            self._stop()

    def _follow(self, part: ReviewPart) -> None:
        self._stop()
        self._part = part
        if part.cron:
            from orchestrator.workflow.journal import review_timer  # a second's work at start, seldom needed

            self._timer = review_timer.start(self.wake, part.cron, part.timezone)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.shutdown(wait=False)
            self._timer = None
