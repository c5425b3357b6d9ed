"""How do the reviews stand: when was the last one, what waits to be read, and is one late, failed or empty?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from missions.mission import Status
from orchestrator.core import cron
from orchestrator.ledger.result_report import utc
from orchestrator.ledger.snapshot import Ledger
from orchestrator.policy.authorization import REVIEW
from orchestrator.workflow.journal.review_cursor import Position, position, proposal_path, reviewable, unread

GRACE = timedelta(hours=1)
"""How long after its time a review may still be on its way."""
UNSCHEDULED = timedelta(days=7)
"""How long entries may wait where no schedule is set."""
MANY = 10
"""Entries from which a review that changed nothing is worth a look."""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """One project's reviews. `trouble` is empty when nothing needs anybody."""

    project: str
    last: Position | None
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


def standings(ledger: Ledger, now: datetime) -> list[Standing]:
    """Every project that has a log."""
    return [_standing(ledger, name, now) for name in reviewable(ledger)]


def failed(ledger: Ledger) -> Iterator[str]:
    """Reviews that did not come to an end."""
    for name, filed in sorted(ledger.open.items()):
        if filed.mission.task == REVIEW and filed.mission.status in {Status.FAILED, Status.DEAD}:
            yield f"{name} is {filed.mission.status}: `shiftbook mission show {name}` says why"
    for bad in ledger.quarantined:
        if bad.name.startswith(f"{REVIEW}-"):
            yield f"{bad.name} cannot be read: {bad.reason}"


def troubles(ledger: Ledger, now: datetime) -> list[str]:
    """Everything about the reviews that a person should know."""
    late = [f"{one.project}: {one.trouble}" for one in standings(ledger, now) if one.trouble]
    return [*failed(ledger), *late]


def _standing(ledger: Ledger, name: str, now: datetime) -> Standing:
    last, waiting = position(ledger, name), unread(ledger, name)
    proposed = ledger.read(proposal_path(name)) is not None
    if proposed:
        trouble = f"a review waits for you in {proposal_path(name)}: `shiftbook review accept --project {name}`"
    else:
        trouble = _late(ledger, [entry.when for entry in waiting], now) or _empty(last)
    return Standing(project=name, last=last, waiting=len(waiting), proposed=proposed, trouble=trouble)


def _late(ledger: Ledger, waiting: list[str], now: datetime) -> str:
    part = ledger.charter.review
    if not part.cron:
        old = [when for when in waiting if when and when < utc(now - UNSCHEDULED)]
        if not old:
            return ""
        return f"{_entries(len(old))} older than a week unread, and no `review.cron` is set in fleet.toml"
    due = cron.last_due(cron.trigger(part.cron, part.timezone), now)
    missed = [when for when in waiting if due is not None and when <= utc(due.astimezone(UTC))]
    if due is None or not missed or now < due + GRACE:
        return ""
    return f"the review of {due.astimezone(UTC):%Y-%m-%d %H:%M} UTC is late, {_entries(len(missed))} unread"


def _empty(last: Position | None) -> str:
    if last is None or last.changes or last.entries < MANY:
        return ""
    return f"the last review read {_entries(last.entries)} and changed nothing"


def _entries(count: int) -> str:
    return f"{count} {'entry' if count == 1 else 'entries'}"
