"""What does this node announce on its own page, and when? What it is, what it spent, whether it has room."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from missions.selection import NodeCapabilities
from orchestrator.core.errors import OrchestratorError
from orchestrator.core.events import Tell
from orchestrator.core.ports.usage import Spend
from orchestrator.core.roles import Role
from orchestrator.core.time_text import format_utc
from orchestrator.execution.workspace.disk_usage import last_disk_usage
from orchestrator.ledger.accounts.account_windows import OPEN_FIELD
from orchestrator.ledger.node_pages import PAGES_FOLDER, page_text, render_page
from orchestrator.ledger.publish import LedgerChange, commit_change
from orchestrator.ledger.snapshot import LedgerSnapshot, SnapshotReader
from orchestrator.ledger.transport import Transport
from orchestrator.node.gates import DiskGate
from orchestrator.workflow.spending import page_table

VOLATILE_FIELDS = frozenset({"load", "disk", "reported", OPEN_FIELD})
"""Fields of a page that change all the time."""


def publish_page(bus: Transport, reader: SnapshotReader, text: str, why: str = "") -> bool:
    """Writes this node's page if it says something new, and returns whether. Raises what the remote raises."""
    draft = LedgerChange(files={f"{PAGES_FOLDER}/{bus.name}.md": text.encode()}, message=why or f"{bus.name} is here")
    return commit_change(bus, reader, lambda ledger: draft) is not None


def volatile_state(home: Path) -> dict[str, str]:
    """What a node's page tells along of how it is just now."""
    busy = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    return {"load": f"{busy:.1f} on {os.cpu_count() or 1} cores", "disk": last_disk_usage(home).says}


@dataclass(kw_only=True)
class NodePagePublisher:
    """Keeps a node's page true: what it is, what it spent, and, along with that, how busy it is. `clock` is monotonic.

    Every change is a commit, so pages are written only when something lasting changed, and not often.
    """

    bus: Transport
    reader: SnapshotReader
    offer: NodeCapabilities
    role: Role
    tell: Tell
    clock: Callable[[], float]
    spent: Callable[[datetime], Iterable[Spend]]
    """What this node spent since a moment."""
    state: Callable[[], Mapping[str, str]] = dict
    """Fields that change all the time."""
    notifies: bool = False
    polls: bool = False
    """Whether it can take what people write to the fleet in a chat."""
    reached: Callable[[], str] = str
    """Where it says that devices reach it, signed; "" for one that meets none."""
    disk: DiskGate | None = None
    """Whether there is room for work; None: nobody looks."""
    quotas: Callable[[], tuple[str, str]] = lambda: ("", "")
    """What is told of accounts: the windows that are used up, and the others."""
    pause: float = 600.0
    """Seconds at least between two changes of the page."""
    _next: float = 0.0
    _told: str = ""
    """What was told of windows that are used up."""

    def text(self, ledger: LedgerSnapshot) -> str:
        """The page as it is now; of what was spent what it says already, where the database does not answer."""
        there = page_text(ledger, self.bus.name)
        full = self.disk is not None and not self.disk.has_room(ledger)
        closed, opened = self.quotas()
        state = dict(self.state()) | ({OPEN_FIELD: opened} if opened else {})
        state |= {"reported": format_utc(self.bus.now())}
        reached, spent = self.reached(), page_table.render_table(self._rows(there))
        text = render_page(
            self.offer,
            self.role,
            notifies=self.notifies,
            polls=self.polls,
            disk_full=full,
            reached=reached,
            quota_closed=closed,
            state=state,
        )
        return f"{text}\n{spent}" if spent else text

    def announce(self) -> None:
        """Writes the page at the start, unless it says the same already. Raises what the remote raises."""
        self._next = self.clock() + self.pause
        self._write(self.reader.read(self.bus.remote.fetch()), "")

    def step(self, ledger: LedgerSnapshot) -> bool:
        """Writes the page if it is time and something lasting changed. Raises what the remote raises.

        That a window is used up does not wait for its time: other nodes may work with the same account.
        """
        closed = self.quotas()[0]
        if self.clock() < self._next and (not closed or closed == self._told):
            return False
        self._next = self.clock() + self.pause
        wrote = self._write(ledger, f"{self.bus.name}: what it spent")
        self._told = closed  # where the push failed it is told in the next round
        return wrote

    def _write(self, ledger: LedgerSnapshot, why: str) -> bool:
        there = page_text(ledger, self.bus.name)
        fresh = self.text(ledger)
        return without_fields(there, VOLATILE_FIELDS) != without_fields(fresh, VOLATILE_FIELDS) and publish_page(
            self.bus, self.reader, fresh, why
        )

    def _rows(self, there: str) -> Iterable[Spend]:
        today = self.bus.now().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        try:
            return self.spent(today - timedelta(days=page_table.MAX_DAYS - 1))
        except OrchestratorError as error:
            self.tell("usage", f"what was spent cannot be told: {error}", once=True)
            return page_table.parse_table(there, self.bus.name, today.date()).rows


def without_fields(text: str, fields: Collection[str]) -> str:
    """A page without those lines of its front matter that hold these fields."""
    return "\n".join(line for line in text.splitlines() if line.partition(":")[0] not in fields)
