"""Upkeep of the index: is this machine's memory of the journal as new as the journal?"""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.core.ports.model import Stop
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.workflow.journal.search_index import SearchIndex


@dataclass(frozen=True, kw_only=True)
class IndexUpkeep:
    """Takes new entries in ahead of the mission that would have to wait for it."""

    index: SearchIndex
    name: str = "the index of the journal"
    shared: bool = False

    def run(self, ledger: LedgerSnapshot, stop: Stop) -> str:
        """A few files at a time: what was taken in stays, and the rest comes another time. Raises WrongSetting."""
        added = self.index.refresh(ledger, stop.is_set)
        return f"{added} log file{'s' * (added != 1)} taken into the index" if added else ""
