"""Which accounts does the fleet's work go to, and how are their windows, as its nodes' pages tell it?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from missions.agents.agent_names import is_paid_agent
from orchestrator.ledger.accounts.account_windows import AccountWindow, ClosedAccount, believed_windows, newest_windows
from orchestrator.ledger.node_pages import announced_nodes
from orchestrator.ledger.snapshot import LedgerSnapshot


@dataclass(frozen=True, kw_only=True)
class AccountStatus:
    """One account: which agents on which nodes work with it, and its windows that are not over."""

    account: str
    agents: tuple[str, ...]
    nodes: tuple[str, ...]
    windows: tuple[AccountWindow, ...]

    @property
    def closed(self) -> ClosedAccount | None:
        """Why it is given nothing now; None while it is open."""
        shut = [each for each in self.windows if each.window.exhausted]
        if not shut:
            return None
        last = max(shut, key=lambda each: each.window.resets_at)
        return ClosedAccount(account=self.account, kind=last.window.kind, until=last.window.resets_at)

    @property
    def says(self) -> str:
        """Its windows in one line."""
        if self.closed is not None:
            return self.closed.says
        told = (_window_text(each) for each in sorted(self.windows, key=lambda each: each.window.resets_at))
        return f"{self.account}: {', '.join(told) or 'open'}"

    def json(self) -> dict[str, Any]:
        """Plain data, times as ISO UTC text."""
        closed = self.closed
        return {
            "account": self.account,
            "agents": list(self.agents),
            "nodes": list(self.nodes),
            "closed_until": closed.until.isoformat() if closed else None,
            "windows": [_window_row(each) for each in self.windows],
            "says": self.says,
        }


def account_statuses(ledger: LedgerSnapshot, now: datetime) -> tuple[AccountStatus, ...]:
    """Every account that a node of the fleet has an agent for; none where the fleet does not follow them."""
    if ledger.charter.quotas.mode == "off":
        return ()
    agents, nodes = defaultdict[str, set[str]](set), defaultdict[str, set[str]](set)
    told: list[AccountWindow] = []
    for name, page in announced_nodes(ledger).items():
        own = {agent: ledger.charter.account(name, agent) for agent in page.agents if is_paid_agent(agent)}
        for agent, account in own.items():
            agents[account].add(agent)
            nodes[account].add(name)
        told += believed_windows(page.windows, set(own.values()), now)
    windows = defaultdict[str, list[AccountWindow]](list)
    for each in newest_windows(told, now):
        windows[each.account].append(each)
    return tuple(
        AccountStatus(
            account=account,
            agents=tuple(sorted(agents[account])),
            nodes=tuple(sorted(nodes[account])),
            windows=tuple(windows[account]),
        )
        for account in sorted(agents)
    )


def accounts_of(statuses: tuple[AccountStatus, ...], node: str) -> list[Mapping[str, Any]]:
    """Those of one node, as plain data."""
    return [each.json() for each in statuses if node in each.nodes]


def _window_text(told: AccountWindow) -> str:
    window = told.window
    used = "" if window.used_percent is None else f" {window.used_percent:.0f} %"
    return f"{window.kind}{used} until {window.resets_at:%Y-%m-%d %H:%M} UTC"


def _window_row(told: AccountWindow) -> dict[str, Any]:
    window = told.window
    return {
        "kind": window.kind,
        "used_percent": window.used_percent,
        "exhausted": window.exhausted,
        "resets_at": window.resets_at.isoformat(),
        "seen": told.seen.isoformat(),
    }
