"""When will the queue stand still because every account that could do its work is used up, and when does it go on?

What is used up is known; when an open window will be is what its use since it began leads to. A window of which nobody
says how far it is, or how long it lasts, is taken to stay open.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from missions.mission import OPEN
from orchestrator.core.quota_window import window_length
from orchestrator.ledger.accounts.account_windows import AccountWindow
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.workflow.assignment.account_status import AccountStatus, account_statuses
from orchestrator.workflow.assignment.unserved import UnservedMissions, accounts_for

MIN_USED_PERCENT = 5.0
MIN_ELAPSED_SHARE = 0.05
"""What less of a window tells nothing of the rest of it."""


@dataclass(frozen=True, kw_only=True)
class QueueOutlook:
    """Missions that wait for the same accounts, and the time (UTC) in which all of these are used up."""

    missions: tuple[str, ...]
    accounts: tuple[str, ...]
    begins: datetime
    ends: datetime
    now: datetime

    @property
    def says(self) -> str:
        """In words for people."""
        many = f"{len(self.missions)} mission{'s' * (len(self.missions) != 1)}"
        whose, end = " and ".join(self.accounts), f"{self.ends:%Y-%m-%d %H:%M} UTC"
        if self.begins <= self.now:
            return f"{many} of the queue stand still until {end}: {whose} {_are(self.accounts)} used up"
        when = f"from {self.begins:%Y-%m-%d %H:%M} to {end}"
        return f"at this rate {many} of the queue stand still {when}, when {whose} will be used up"

    def json(self) -> dict[str, Any]:
        """Plain data, times as ISO UTC text."""
        return {
            "missions": list(self.missions),
            "accounts": list(self.accounts),
            "begins": self.begins.isoformat(),
            "ends": self.ends.isoformat(),
            "says": self.says,
        }


def queue_outlooks(ledger: LedgerSnapshot, now: datetime) -> tuple[QueueOutlook, ...]:
    """Where the queue will stand still, the largest part of it first."""
    statuses = {each.account: each for each in account_statuses(ledger, now)}
    offers = UnservedMissions(ledger).offers
    waiting = defaultdict[frozenset[str], list[str]](list)
    for name, filed in ledger.open.items() if statuses else ():
        if filed.mission.status in OPEN and name not in ledger.claims:
            accounts = accounts_for(ledger, filed.mission, offers)
            if accounts and accounts <= statuses.keys():
                waiting[accounts].append(name)
    found = (_outlook(names, [statuses[each] for each in sorted(accounts)], now) for accounts, names in waiting.items())
    return tuple(sorted(filter(None, found), key=lambda each: (-len(each.missions), each.accounts)))


def _outlook(names: list[str], accounts: list[AccountStatus], now: datetime) -> QueueOutlook | None:
    spans = [_closed_span(each, now) for each in accounts]
    known = [span for span in spans if span is not None]
    if len(known) < len(accounts):
        return None
    begins, ends = max(begin for begin, _ in known), min(end for _, end in known)
    if begins >= ends:
        return None
    whose = tuple(each.account for each in accounts)
    return QueueOutlook(missions=tuple(sorted(names)), accounts=whose, begins=begins, ends=ends, now=now)


def _closed_span(status: AccountStatus, now: datetime) -> tuple[datetime, datetime] | None:
    """From when to when an account is used up, or will be at its windows' rates; None where it stays open."""
    if status.closed is not None:
        return now, status.closed.until
    spans = [(max(now, runs_out), told.window.resets_at) for told in status.windows for runs_out in _runs_out(told)]
    return min(spans, default=None)


def _runs_out(told: AccountWindow) -> Iterator[datetime]:
    """When a window will be used up that goes on as it did; nothing where it lasts, or nobody can tell."""
    window, length = told.window, window_length(told.window.kind)
    if length is None or window.used_percent is None or window.used_percent < MIN_USED_PERCENT:
        return
    began = window.resets_at - length
    elapsed = told.seen - began
    if elapsed < MIN_ELAPSED_SHARE * length:
        return
    moment = began + elapsed * (100.0 / window.used_percent)
    if moment < window.resets_at:
        yield moment


def _are(accounts: tuple[str, ...]) -> str:
    return "are" if len(accounts) > 1 else "is"
