"""How do the reviews stand: when was the last one, what waits to be read, and is one late, failed or empty?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from missions.mission import REVIEW, Status
from orchestrator.core import cron
from orchestrator.core.time_text import format_utc
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.workflow.journal.review_cursor import (
    ReviewCursor,
    projects_with_log,
    proposal_path,
    review_cursor,
    unread_entries,
)

LATE_AFTER = timedelta(hours=1)
"""How long after its time a review may still be on its way."""
MAX_UNREAD_AGE = timedelta(days=7)
"""How long entries may wait where no schedule is set."""
MIN_ENTRIES_FOR_CHANGES = 10
"""Entries from which a review that changed nothing is worth a look."""


@dataclass(frozen=True, kw_only=True)
class ReviewStatus:
    """One project's reviews. `trouble` is empty when nothing needs anybody."""

    project: str
    last: ReviewCursor | None
    waiting: int
    """Entries that no review has read."""
    proposed: bool
    """Whether a proposal waits for a person."""
    trouble: str

    @property
    def says(self) -> str:
        """How it stands, in words."""
        read = "never reviewed"
        if self.last is not None:
            read = f"last review {self.last.when[:16].replace('T', ' ')} UTC" if self.last.when else "reviewed before"
            read += f", {self.last.entries} read, {self.last.changes or 'no'} changes"
        return f"{read}; {self.waiting or 'no'} new {'entry' if self.waiting == 1 else 'entries'}"


def review_statuses(ledger: LedgerSnapshot, now: datetime) -> list[ReviewStatus]:
    """Every project that has a log."""
    return [_review_status(ledger, name, now) for name in projects_with_log(ledger)]


def proposals_waiting(ledger: LedgerSnapshot) -> Iterator[tuple[str, str]]:
    """Projects whose review's changes wait for a person, and the file that lists them."""
    for name in projects_with_log(ledger):
        if ledger.read(proposal_path(name)) is not None:
            yield name, proposal_path(name)


def failed_reviews(ledger: LedgerSnapshot) -> Iterator[str]:
    """Reviews that did not come to an end."""
    for name, filed in sorted(ledger.open.items()):
        if filed.mission.task == REVIEW and filed.mission.status in {Status.FAILED, Status.DEAD}:
            yield f"{name} is {filed.mission.status}: `shiftbook mission show {name}` says why"
    for bad in ledger.quarantined:
        if bad.name.startswith(f"{REVIEW}-"):
            yield f"{bad.name} cannot be read: {bad.reason}"


def review_problems(ledger: LedgerSnapshot, now: datetime) -> list[str]:
    """Everything about the reviews that a person should know."""
    late = [f"{one.project}: {one.trouble}" for one in review_statuses(ledger, now) if one.trouble]
    return [*failed_reviews(ledger), *late]


def _review_status(ledger: LedgerSnapshot, name: str, now: datetime) -> ReviewStatus:
    last, waiting = review_cursor(ledger, name), unread_entries(ledger, name)
    proposed = ledger.read(proposal_path(name)) is not None
    if proposed:
        trouble = f"a review waits for you in {proposal_path(name)}: `shiftbook digest accept --project {name}`"
    else:
        trouble = _late_reason(ledger, [entry.when for entry in waiting], now) or _empty_reason(last)
    return ReviewStatus(project=name, last=last, waiting=len(waiting), proposed=proposed, trouble=trouble)


def _late_reason(ledger: LedgerSnapshot, waiting: list[str], now: datetime) -> str:
    part = ledger.charter.review
    if not part.cron:
        old = [when for when in waiting if when and when < format_utc(now - MAX_UNREAD_AGE)]
        if not old:
            return ""
        return f"{_format_entries(len(old))} older than a week unread, and no `review.cron` is set in fleet.toml"
    due = cron.last_due(part.cron, part.timezone, now)
    missed = [when for when in waiting if due is not None and when <= format_utc(due)]
    if due is None or not missed or now < due + LATE_AFTER:
        return ""
    return f"the review of {due:%Y-%m-%d %H:%M} UTC is late, {_format_entries(len(missed))} unread"


def _empty_reason(last: ReviewCursor | None) -> str:
    if last is None or last.changes or last.entries < MIN_ENTRIES_FOR_CHANGES:
        return ""
    return f"the last review read {_format_entries(last.entries)} and changed nothing"


def _format_entries(count: int) -> str:
    return f"{count} {'entry' if count == 1 else 'entries'}"
