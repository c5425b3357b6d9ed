"""Which accounts of this node are used up now? Its own book of what makers declared, joined with the others' pages.

A window is closed until the maker's time of its end and a while beyond it, by which nodes come back apart. One that
turned work away again soon after it came back rests longer each time, so that a maker whose times are wrong is not
asked without end.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from missions.mission import PAID_AGENTS
from missions.plain_data import read_json
from orchestrator.core.quota_window import MAX_AHEAD, QuotaWindow
from orchestrator.ledger.accounts.account_windows import (
    AccountWindow,
    ClosedAccount,
    believed_windows,
    newest_windows,
    parse_windows,
    render_windows,
)
from orchestrator.ledger.config.fleet_toml import FleetConfig
from orchestrator.ledger.node_pages import announced_nodes
from orchestrator.ledger.snapshot import LedgerSnapshot
from sync import files
from sync.backoff import Backoff

REST = Backoff(first=60.0, limit=3600.0)
"""Seconds for which an account rests at least that turned work away: twice as long each time that it does so anew."""
FORGIVEN_AFTER = timedelta(hours=2)
"""An account that worked for so long begins with the shortest rest again."""


@dataclass(kw_only=True)
class QuotaBook:
    """One node's. Any thread may call. `now` is UTC; `path` keeps it over a restart; None: nothing is kept."""

    node: str
    now: Callable[[], datetime]
    path: Path | None = None
    _windows: dict[tuple[str, str], AccountWindow] = field(default_factory=dict)
    _rests: dict[str, tuple[float, datetime]] = field(default_factory=dict)
    """By account: its last rest in seconds, and until when it was."""
    _pages: tuple[str, tuple[AccountWindow, ...]] = ("", ())
    """What pages told in a version of the branch."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._windows = {(each.account, each.window.kind): each for each in self._kept()}

    def note(self, rules: FleetConfig, agent: str, windows: Iterable[QuotaWindow]) -> None:
        """Takes in what an attempt learned of its account. Raises OSError where it cannot be kept."""
        if rules.quotas.mode == "off" or agent not in PAID_AGENTS:
            return
        account, now = rules.account(self.node, agent), self.now()
        with self._lock:
            for window in windows:
                kept = self._rested(account, window, now) if window.exhausted else window
                self._windows[account, window.kind] = AccountWindow(account=account, window=kept, seen=now)
            self._forget(now)
            self._keep()

    def closed(self, ledger: LedgerSnapshot) -> Mapping[str, ClosedAccount]:
        """The agents of this node whose accounts are used up now."""
        rules = ledger.charter
        if rules.quotas.mode == "off":
            return {}
        now, spread = self.now(), rules.quotas.jitter_seconds
        ends: dict[str, ClosedAccount] = {}
        for told in self._known(ledger):
            until = told.window.resets_at + self._jitter(told, spread)
            if told.window.exhausted and now < until:
                found = ClosedAccount(account=told.account, kind=told.window.kind, until=until)
                ends[told.account] = max(ends.get(told.account, found), found, key=lambda each: each.until)
        mine = {agent: rules.account(self.node, agent) for agent in sorted(PAID_AGENTS)}
        return {agent: ends[account] for agent, account in mine.items() if account in ends}

    def told(self) -> tuple[str, str]:
        """What this node's page tells: what is used up, and how far the other windows are."""
        with self._lock:
            self._forget(self.now())
            windows = tuple(self._windows.values())
        return render_windows(windows, exhausted=True), render_windows(windows, exhausted=False)

    def _known(self, ledger: LedgerSnapshot) -> tuple[AccountWindow, ...]:
        """Its own words, and of the others' pages those on accounts that it shares with them. A word of its own on a
        window goes before theirs on the same one."""
        others = self._of_pages(ledger) if ledger.charter.accounts else ()
        with self._lock:
            return newest_windows((*others, *self._windows.values()))

    def _of_pages(self, ledger: LedgerSnapshot) -> tuple[AccountWindow, ...]:
        """What the others' pages tell; read once for each version of the branch."""
        rules, version, found = ledger.charter, *self._pages
        if version != ledger.tree:
            past = self.now() - timedelta(seconds=rules.quotas.jitter_seconds)
            found = tuple(
                told
                for name, page in announced_nodes(ledger).items()
                if name != self.node
                for told in believed_windows(page.windows, {rules.account(name, a) for a in PAID_AGENTS}, past)
            )
            self._pages = (ledger.tree, found)
        return found

    def _rested(self, account: str, window: QuotaWindow, now: datetime) -> QuotaWindow:
        """A window that is used up, closed for as long as its account has to rest at least."""
        before, until = self._rests.get(account, (0.0, now - FORGIVEN_AFTER))
        if now < until:  # others of this node's attempts were turned away by the same window
            return replace(window, resets_at=max(window.resets_at, until))
        rest = REST.next(before if now - until < FORGIVEN_AFTER else 0.0)
        resets = max(window.resets_at, (now + timedelta(seconds=rest)).replace(microsecond=0))
        self._rests[account] = (rest, resets)
        return replace(window, resets_at=resets)

    def _jitter(self, told: AccountWindow, seconds: float) -> timedelta:
        """How long after its end this node comes back to a window: another time for each node, the same each time."""
        words = f"{self.node} {told.account} {told.window.kind} {told.window.resets_at.isoformat()}"
        share = int.from_bytes(hashlib.sha256(words.encode()).digest()[:4], "big") / 2**32
        return timedelta(seconds=seconds * share)

    def _forget(self, now: datetime) -> None:
        """What has been over for longer than any node may come back late."""
        past = now - timedelta(hours=1)
        self._windows = {key: each for key, each in self._windows.items() if past < each.window.resets_at}

    def _keep(self) -> None:
        if self.path is None:
            return
        windows = tuple(self._windows.values())
        closed, opened = render_windows(windows, exhausted=True), render_windows(windows, exhausted=False)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        files.replace(self.path, json.dumps({"closed": closed, "open": opened}) + "\n", durable=False)

    def _kept(self) -> tuple[AccountWindow, ...]:
        """What an earlier run of this node knew; nothing where the file is not there or is none of ours."""
        try:
            found = read_json(self.path.read_text(encoding="utf-8")) if self.path is not None else {}
        except (OSError, ValueError):
            return ()
        texts = [found.get(key) for key in ("closed", "open")] if isinstance(found, dict) else ["", ""]
        closed, opened = (text if isinstance(text, str) else "" for text in texts)
        roof = self.now() + MAX_AHEAD
        return tuple(each for each in parse_windows(closed, opened) if each.window.resets_at <= roof)
