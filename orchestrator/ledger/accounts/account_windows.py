"""How does a node's page tell of the windows of its accounts, and what of a page that anybody wrote is believed?"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from orchestrator.core.quota_window import MAX_AHEAD, QuotaWindow

CLOSED_FIELD, OPEN_FIELD = "quota_closed", "quota_open"
"""The fields of a page: what is used up is told at once, how far the others are along with something else."""
MAX_TOLD = 16
"""Windows that one field tells."""
_MOMENT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
_TOLD = re.compile(
    r"(?P<account>[A-Za-z0-9][\w.@-]{0,160})/(?P<kind>[a-z0-9][a-z0-9_.-]{0,39})"
    rf"(?: (?P<used>\d{{1,3}})%)? until (?P<resets>{_MOMENT}) seen (?P<seen>{_MOMENT})",
    re.ASCII,
)


@dataclass(frozen=True, kw_only=True)
class AccountWindow:
    """A window of an account, and when a node heard of it (UTC, by that node's clock)."""

    account: str
    window: QuotaWindow
    seen: datetime

    def is_closed(self, now: datetime) -> bool:
        """Whether it is used up now."""
        return self.window.exhausted and now < self.window.resets_at


@dataclass(frozen=True, kw_only=True)
class ClosedAccount:
    """An account that is used up. `until` (UTC) is when it is asked again, `kind` the window that is closed."""

    account: str
    kind: str
    until: datetime

    @property
    def says(self) -> str:
        """Why nothing is given to it, in words."""
        return f"the {self.kind} window of {self.account} is used up until {self.until:%Y-%m-%d %H:%M} UTC"


def render_windows(windows: Iterable[AccountWindow], *, exhausted: bool) -> str:
    """The value of a page's field: those that are used up, or the others."""
    chosen = [each for each in windows if each.window.exhausted == exhausted]
    ordered = sorted(chosen, key=lambda each: (each.window.resets_at, each.account, each.window.kind))
    return ", ".join(map(_render, ordered[-MAX_TOLD:]))  # of too many those that rest longest are told


def _render(told: AccountWindow) -> str:
    window = told.window
    used = "" if window.used_percent is None else f" {window.used_percent:.0f}%"
    return f"{told.account}/{window.kind}{used} until {_text(window.resets_at)} seen {_text(told.seen)}"


def _text(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def parse_windows(closed: str, opened: str) -> tuple[AccountWindow, ...]:
    """What a page's two fields say; what is no such line is left out."""
    both = ((closed, True), (opened, False))
    parts = ((part, exhausted) for text, exhausted in both for part in text.split(", ")[:MAX_TOLD])
    return tuple(one for part, exhausted in parts for one in _parse(part, exhausted))


def _parse(part: str, exhausted: bool) -> Iterable[AccountWindow]:
    found = _TOLD.fullmatch(part)
    if found is None:
        return
    try:
        resets, seen = (datetime.fromisoformat(found[name]) for name in ("resets", "seen"))
    except ValueError:
        return
    if not timedelta(0) < resets - seen <= MAX_AHEAD:
        return
    used = float(min(100, int(found["used"]))) if found["used"] else None
    window = QuotaWindow(kind=found["kind"], resets_at=resets, used_percent=used, exhausted=exhausted)
    yield AccountWindow(account=found["account"], window=window, seen=seen)


def believed_windows(
    windows: Iterable[AccountWindow], accounts: Collection[str], now: datetime
) -> tuple[AccountWindow, ...]:
    """Of what a node tells, what may count: of accounts that are its own, of windows that are not over, and of none
    that lasts longer than one can, whatever that node's clock says."""
    return tuple(
        each for each in windows if each.account in accounts and now < each.window.resets_at <= now + MAX_AHEAD
    )


def newest_windows(windows: Iterable[AccountWindow], now: datetime) -> tuple[AccountWindow, ...]:
    """Of each account's windows of one kind the one that counts: that it is used up stands until its end, whatever
    else is told, for makers' times differ by seconds from node to node; else the newest, by the maker's own time of
    its end. When nodes say that they heard of it decides only between words that are alike."""
    ordered = sorted(
        windows, key=lambda each: (each.is_closed(now), each.window.resets_at, each.window.exhausted, each.seen)
    )
    return tuple({(each.account, each.window.kind): each for each in ordered}.values())
