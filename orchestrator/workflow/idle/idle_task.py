"""What is a task of an idle node? A piece of useful work that can be dropped at any moment."""

from __future__ import annotations

from typing import Protocol

from orchestrator.core.ports.model import Stop
from orchestrator.ledger.snapshot import LedgerSnapshot


class IdleTask(Protocol):
    """One kind of work."""

    @property
    def name(self) -> str:
        """What it is called, in words."""

    @property
    def shared(self) -> bool:
        """Whether one node does it for all."""

    def run(self, ledger: LedgerSnapshot, stop: Stop) -> str:
        """Does what there is to do; what it did in words, empty where there was nothing.

        Ends within seconds once `stop` is set, and leaves nothing half done. Raises what remote and disk raise.
        """
