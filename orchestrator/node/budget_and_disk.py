"""With what does a node watch its money and its disk?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from pathlib import Path

from orchestrator.core.errors import NotFound, StoreFailed
from orchestrator.core.events import Tell
from orchestrator.core.ports.agent import Usage
from orchestrator.core.ports.storage import Conversations, UsageBook
from orchestrator.execution.budget import BudgetTracker, SpentByProject
from orchestrator.execution.workspace.attempt_dirs import AttemptDirs
from orchestrator.execution.workspace.chat_dirs import ChatDirs
from orchestrator.execution.workspace.cleanup import Cleanup
from orchestrator.ledger.node_pages import announced_nodes, page_text
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.node.outbox import Outbox
from orchestrator.workflow.spending import page_table

UtcClock = Callable[[], datetime]


def build_budget_tracker(
    node: str, usage: UsageBook, *, now: UtcClock, clock: Callable[[], float], price: Callable[[Usage], float | None]
) -> BudgetTracker:
    """What watches the budgets: this node's database, and what the others tell on their pages."""

    def booked(since: datetime) -> SpentByProject:
        found = defaultdict[str, float](float)
        for row in usage.spent(since=since):
            if row.node == node:  # a database may serve more than one
                found[row.project] += row.totals.cost_usd
        return found

    def elsewhere(ledger: LedgerSnapshot, when: datetime) -> SpentByProject:
        return spent_by_others(ledger, node, when)

    return BudgetTracker(now=now, clock=clock, booked=booked, elsewhere=elsewhere, price=price)


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
