"""What does a node know of its budget and its disk, from its own database and the other nodes' pages?"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from orchestrator.core import pricing
from orchestrator.core.errors import NotFound, StoreFailed
from orchestrator.core.events import Tell
from orchestrator.core.ports.conversations import Conversations
from orchestrator.core.ports.model import Usage
from orchestrator.core.ports.usage import UsageBook
from orchestrator.execution.budget import NO_SPENDING, SpentByProject
from orchestrator.execution.workspace.attempt_dirs import AttemptDirs
from orchestrator.execution.workspace.chat_dirs import ChatDirs
from orchestrator.execution.workspace.cleanup import Cleanup
from orchestrator.ledger.node_pages import page_text, page_versions
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.node.outbox import Outbox
from orchestrator.workflow.spending import page_table
from sync.objects import load_commit
from sync.remote import Oid

UtcClock = Callable[[], datetime]


@dataclass(kw_only=True)
class SpendingRecords:
    """execution.budget.SpendingSource: this node's database, what the others tell on their pages, and known prices.

    Any thread may ask.
    """

    node: str
    usage: UsageBook
    own_page: Callable[[LedgerSnapshot, str], Oid | None] | None = None
    """The commit with a node's page as that node wrote it last; None: the pages are believed as they are."""
    _texts: dict[str, tuple[Oid, str, str]] = field(default_factory=dict)
    """By node: which page was read with which signers, and what it said."""
    _told: tuple[object, SpentByProject] = ((), NO_SPENDING)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def booked(self, since: datetime) -> SpentByProject:
        """What this node has spent since a moment. Raises StoreFailed."""
        found = defaultdict[str, float](float)
        for row in self.usage.spent(since=since):
            if row.node == self.node:  # a database may serve more than one
                found[row.project] += row.totals.cost_usd
        return found

    def elsewhere(self, ledger: LedgerSnapshot, when: datetime) -> SpentByProject:
        """What the others tell of the day (UTC) of `when`: each of itself."""
        pages = page_versions(ledger)
        asked = (pages, ledger.signers, when.astimezone(UTC).date())
        with self._lock:
            if self._told[0] != asked:
                texts = {name: self._text(ledger, name, page) for name, page in pages.items() if name != self.node}
                self._told = asked, spent_by_others(texts, when)
            return self._told[1]

    def _text(self, ledger: LedgerSnapshot, name: str, page: Oid) -> str:
        """What a node says itself: whoever may push can write another's page, to stop all paid work or to hide it."""
        if self.own_page is None:
            return page_text(ledger, name)
        kept = self._texts.get(name)
        if kept is None or kept[:2] != (page, ledger.signers):
            commit = self.own_page(ledger, name)
            then = replace(ledger, tree=load_commit(ledger.store, commit).tree) if commit else None
            kept = self._texts[name] = page, ledger.signers, page_text(then, name) if then else ""
        return kept[2]

    def price(self, usage: Usage) -> float | None:
        """By the table of prices."""
        return pricing.cost(usage)


def spent_by_others(pages: Mapping[str, str], when: datetime) -> SpentByProject:
    """USD by project that nodes tell on their pages that they spent on the day (UTC) of `when`."""
    day, found = when.astimezone(UTC).date(), defaultdict[str, float](float)
    for name, page in pages.items():
        for row in page_table.parse_table(page, name, day).rows:
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
