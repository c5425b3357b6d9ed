"""What may keep a mission from this node? Gates of money, accounts, safety, disk, which scheduler and executor ask.

Each is asked before a mission is claimed, and again before anything of it starts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from missions.mission import Mission
from orchestrator.core.quota_window import QuotaWindow
from orchestrator.execution.budget import BudgetMeter
from orchestrator.ledger.accounts.account_windows import ClosedAccount
from orchestrator.ledger.config.fleet_toml import FleetConfig
from orchestrator.ledger.snapshot import LedgerSnapshot


class BudgetGate(Protocol):
    """Watches what may be spent. Any thread may ask."""

    def day_budget_reason(self, ledger: LedgerSnapshot, mission: Mission) -> str:
        """Why there is no money for a mission today, in words; empty if there is. Raises StoreFailed."""

    def meter(self, ledger: LedgerSnapshot, mission: Mission) -> BudgetMeter:
        """The meter of an attempt that begins now. Raises StoreFailed where nobody can look up what was spent."""

    def renew(self, meter: BudgetMeter, ledger: LedgerSnapshot, mission: Mission) -> None:
        """From now on the meter keeps to the budgets as they are now. Raises StoreFailed as `meter` does."""

    def settle(self, meter: BudgetMeter) -> None:
        """Takes a meter back whose attempt is over and noted in the database; never raises."""


class SafetyGate(Protocol):
    """What policy lets a mission do on this node. Any thread may ask; raises ObjectMissing for a broken ledger."""

    def unsafe_reason(self, ledger: LedgerSnapshot, mission: Mission) -> str:
        """Why a mission must not run on this node, whatever agents it has, in words; empty if it may."""

    def tools(self, ledger: LedgerSnapshot, mission: Mission) -> tuple[str, ...] | None:
        """The tools that the mission's agent may use; None where policy does not say."""

    def vouched(self, ledger: LedgerSnapshot, path: str) -> bool:
        """Whether a node, or somebody who may decide, has signed what stands at a path, where signatures count."""


class QuotaGate(Protocol):
    """What is known of the windows of this node's accounts. Any thread may ask."""

    def closed(self, ledger: LedgerSnapshot) -> Mapping[str, ClosedAccount]:
        """The agents of this node whose accounts are used up now."""

    def note(self, rules: FleetConfig, agent: str, windows: Iterable[QuotaWindow]) -> None:
        """Takes in what an attempt of an agent learned of its account. Raises OSError where it cannot be kept."""


class DiskGate(Protocol):
    """Whether this node's disk has room for a run. Any thread may ask; raises OSError where the disk cannot be read."""

    def has_room(self, ledger: LedgerSnapshot) -> bool:
        """Whether there is room now. Takes no time."""

    def full_reason(self, ledger: LedgerSnapshot) -> str:
        """Why there is none, in words, after all that nobody needs was removed; empty if there is. May take long."""
