"""Which accounts of this node are used up now? Its own book of what makers declared, joined with the others' pages.

A window is closed until the maker's time of its end and a while beyond it, by which nodes come back apart. One that
turned work away again soon after it came back rests longer each time, so that a maker whose times are wrong is not
asked without end.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from missions.agents.agent_names import is_paid_agent
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
OTHERS_WORD_HOLDS = timedelta(seconds=REST.limit)
"""For so long does another node's word close an account here; then this node asks itself, once, and knows."""
CLEARLY_LATER = timedelta(minutes=5)
"""By so much ends a window later than one that is used up if it is another: makers' times differ by seconds."""
FORGIVEN_AFTER = timedelta(hours=2)
"""An account that worked for so long begins with the shortest rest again."""


@dataclass(kw_only=True)
class QuotaBook:
    """One node's. Any thread may call. `now` is UTC; `path` keeps it over a restart; None: nothing is kept."""

    node: str
    now: Callable[[], datetime]
    path: Path | None = None
    believes: Callable[[LedgerSnapshot, str], bool] = lambda _ledger, _node: True
    """Whether a node's page is that node's own word: anybody who may push can write one. Asked by one thread at a
    time."""
    _windows: dict[tuple[str, str], AccountWindow] = field(default_factory=dict)
    _rests: dict[str, tuple[float, datetime]] = field(default_factory=dict)
    """By account: its last rest in seconds, and until when it was."""
    _pages: tuple[str, tuple[AccountWindow, ...]] = ("", ())
    """What pages told in a version of the branch."""
    _heard: dict[tuple[str, AccountWindow], datetime] = field(default_factory=dict)
    """When this node heard first of what others tell."""
    _own: dict[str, tuple[AccountWindow, ...]] = field(default_factory=dict)
    """Words of pages that were a node's own."""
    _reading: threading.Lock = field(default_factory=threading.Lock)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._windows = {(each.account, each.window.kind): each for each in self._kept()}

    def note(self, rules: FleetConfig, agent: str, windows: Iterable[QuotaWindow]) -> None:
        """Takes in what an attempt learned of its account. Raises OSError where it cannot be kept."""
        if rules.quotas.mode == "off" or not is_paid_agent(agent):
            return
        account, now = rules.account(self.node, agent), self.now()
        with self._lock:
            for window in windows:
                before = self._windows.get((account, window.kind))
                if not window.exhausted and before is not None and _still_closed(before, window, now):
                    continue  # an attempt that ended later tells what it heard before
                kept = self._rested(account, window, now) if window.exhausted else window
                known = before is not None and kept.exhausted and before.window == kept
                seen = before.seen if before is not None and known else now  # or each slot's end would be news
                self._windows[account, window.kind] = AccountWindow(account=account, window=kept, seen=seen)
            self._forget(now)
            self._keep()

    def closed(self, ledger: LedgerSnapshot) -> Mapping[str, ClosedAccount]:
        """The agents of this node whose accounts are used up now."""
        rules = ledger.charter
        if rules.quotas.mode == "off":
            return {}
        now, spread = self.now(), rules.quotas.jitter_seconds
        mine = {agent: rules.account(self.node, agent) for agent in sorted(rules.paid_agents)}
        ends: dict[str, ClosedAccount] = {}
        for told in self._known(ledger, set(mine.values()), now):
            until = told.window.resets_at + self._jitter(told, spread)
            if told.window.exhausted and now < until:
                found = ClosedAccount(account=told.account, kind=told.window.kind, until=until)
                ends[told.account] = max(ends.get(told.account, found), found, key=lambda each: each.until)
        return {agent: ends[account] for agent, account in mine.items() if account in ends}

    def told(self) -> tuple[str, str]:
        """What this node's page tells: what is used up, and how far the other windows are."""
        with self._lock:
            self._forget(self.now())
            windows = tuple(self._windows.values())
        return render_windows(windows, exhausted=True), render_windows(windows, exhausted=False)

    def _known(self, ledger: LedgerSnapshot, mine: Collection[str], now: datetime) -> tuple[AccountWindow, ...]:
        """Of its own accounts its own words, and those of others' pages on what it shares with them."""
        with self._reading:
            others = self._of_pages(ledger) if ledger.charter.accounts else ()
        with self._lock:
            both = [each for each in (*others, *self._windows.values()) if each.account in mine]
        return newest_windows(both, now)

    def _of_pages(self, ledger: LedgerSnapshot) -> tuple[AccountWindow, ...]:
        """What the others' pages tell, as far as it counts here; read once for each version of the branch."""
        rules, version, found = ledger.charter, *self._pages
        if version != ledger.tree:
            past = self.now() - timedelta(seconds=rules.quotas.jitter_seconds)
            mine = {rules.account(self.node, agent) for agent in rules.paid_agents}
            told: list[tuple[str, AccountWindow]] = []
            for name, page in announced_nodes(ledger).items():
                theirs = {rules.account(name, agent) for agent in rules.paid_agents} if name != self.node else set()
                shared = mine & theirs
                windows = believed_windows(page.windows, shared, past)
                told += [(name, each) for each in windows] if windows and self._is_own(ledger, name, windows) else []
            found = self._hearsay(told)
            self._pages = (ledger.tree, found)
        return found

    def _is_own(self, ledger: LedgerSnapshot, name: str, windows: tuple[AccountWindow, ...]) -> bool:
        """Whether that node itself says so; what it has said already is not looked up again."""
        if self._own.get(name) != windows:
            if not self.believes(ledger, name):
                return False
            self._own[name] = windows
        return True

    def _hearsay(self, told: Sequence[tuple[str, AccountWindow]]) -> tuple[AccountWindow, ...]:
        """What others tell, that an account is used up for no longer than a while from when it was heard first."""
        now = self.now()
        self._heard = {one: self._heard.get(one, now) for one in told}
        return tuple(
            replace(each, window=replace(each.window, resets_at=min(each.window.resets_at, first + OTHERS_WORD_HOLDS)))
            if each.window.exhausted
            else each
            for (_, each), first in self._heard.items()
        )

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


def _still_closed(before: AccountWindow, window: QuotaWindow, now: datetime) -> bool:
    """Whether a window that is known to be used up is the one of which somebody says that it is open."""
    return before.is_closed(now) and window.resets_at <= before.window.resets_at + CLEARLY_LATER
