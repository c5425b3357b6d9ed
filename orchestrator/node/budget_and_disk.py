"""What does a node know of its budget and its disk, from its own database and the other nodes' pages?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from orchestrator.core import pricing
from orchestrator.core.errors import NotFound, StoreFailed
from orchestrator.core.events import Tell
from orchestrator.core.ports.conversations import Conversations
from orchestrator.core.ports.model import Usage
from orchestrator.core.ports.usage import UsageBook
from orchestrator.execution.budget import SpentByProject
from orchestrator.execution.workspace.attempt_dirs import AttemptDirs
from orchestrator.execution.workspace.chat_dirs import ChatDirs
from orchestrator.execution.workspace.cleanup import Cleanup
from orchestrator.ledger.node_pages import announced_nodes, page_text
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.node.outbox import Outbox
from orchestrator.workflow.spending import page_table

UtcClock = Callable[[], datetime]


@dataclass(frozen=True, kw_only=True)
class SpendingRecords:
    """execution.budget.SpendingSource: this node's database, what the others tell on their pages, and known prices."""

    node: str
    usage: UsageBook

    def booked(self, since: datetime) -> SpentByProject:
        """What this node has spent since a moment. Raises StoreFailed."""
        found = defaultdict[str, float](float)
        for row in self.usage.spent(since=since):
            if row.node == self.node:  # a database may serve more than one
                found[row.project] += row.totals.cost_usd
        return found

    def elsewhere(self, ledger: LedgerSnapshot, when: datetime) -> SpentByProject:
        """What the others tell of the day (UTC) of `when`."""
        return spent_by_others(ledger, self.node, when)

    def price(self, usage: Usage) -> float | None:
        """By the table of prices."""
        return pricing.cost(usage)


def spent_by_others(ledger: LedgerSnapshot, node: str, when: datetime) -> SpentByProject:
    """USD by project that other nodes tell that they spent on the day (UTC) of `when`."""
    day, found = when.astimezone(UTC).date(), defaultdict[str, float](float)
    for name in announced_nodes(ledger).keys() - {node}:
        for row in page_table.parse_table(page_text(ledger, name), name, day).rows:
            if row.day == day:
                found[row.project] += row.totals.cost_usd
    return found


def cleanup(
    home: Path,
    node: str,
    *,
    folders: AttemptDirs,
    outbox: Outbox,
    chats: Conversations,
    now: UtcClock,
    clock: Callable[[], float],
    tell: Tell,
) -> Cleanup:
    """What clears the disk."""

    def known(conversation: str) -> bool:
        try:
            chats.get(conversation)
        except NotFound:
            return False
        except StoreFailed:
            return True  # nobody can tell: it stays
        return True

    def waiting() -> Collection[tuple[str, int]]:
        return {(letter.record.mission, letter.record.epoch) for letter in outbox}

    return Cleanup(
        home=home,
        node=node,
        folders=folders,
        chats=ChatDirs(home / "chats", known),
        waiting=waiting,
        now=now,
        clock=clock,
        tell=tell,
    )
