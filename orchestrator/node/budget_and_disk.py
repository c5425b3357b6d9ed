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
from orchestrator.execution.budget import Purse, Spent
from orchestrator.execution.workspace.attempt_dirs import Folders
from orchestrator.execution.workspace.chat_dirs import Chats
from orchestrator.execution.workspace.cleanup import Clearance
from orchestrator.ledger.node_pages import announced, text_of
from orchestrator.ledger.snapshot import Ledger
from orchestrator.node.outbox import Outbox
from orchestrator.workflow.spending import page_table

Now = Callable[[], datetime]


def purse(
    node: str, usage: UsageBook, *, now: Now, clock: Callable[[], float], price: Callable[[Usage], float | None]
) -> Purse:
    """What watches the budgets: this node's database, and what the others tell on their pages."""

    def booked(since: datetime) -> Spent:
        found = defaultdict[str, float](float)
        for row in usage.spent(since=since):
            if row.node == node:  # a database may serve more than one
                found[row.project] += row.totals.cost_usd
        return found

    def elsewhere(ledger: Ledger, when: datetime) -> Spent:
        return spent_by_others(ledger, node, when)

    return Purse(now=now, clock=clock, booked=booked, elsewhere=elsewhere, price=price)


def spent_by_others(ledger: Ledger, node: str, when: datetime) -> Spent:
    """USD by project that other nodes tell that they spent on the day (UTC) of `when`."""
    day, found = when.astimezone(UTC).date(), defaultdict[str, float](float)
    for name in announced(ledger).keys() - {node}:
        for row in page_table.read(text_of(ledger, name), name, day).rows:
            if row.day == day:
                found[row.project] += row.totals.cost_usd
    return found


def clearance(
    home: Path,
    node: str,
    *,
    folders: Folders,
    outbox: Outbox,
    chats: Conversations,
    now: Now,
    clock: Callable[[], float],
    tell: Tell,
) -> Clearance:
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

    return Clearance(
        home=home,
        node=node,
        folders=folders,
        chats=Chats(home / "chats", known),
        waiting=waiting,
        now=now,
        clock=clock,
        tell=tell,
    )
