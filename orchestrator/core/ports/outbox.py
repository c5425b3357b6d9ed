"""What waits in a node's outbox, to leave it once?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from orchestrator.core.json_object import Json


@dataclass(frozen=True, kw_only=True)
class OutboxItem:
    """Something that must leave this node once, a notification for example. `key` is what makes it the same one."""

    key: str
    kind: str
    body: Json
    tries: int = 0
    error: str = ""
    """Why the last try failed."""
    due: datetime | None = None
    """When it is tried next; None on what the store returns: it was given up, or it went out. Set by the store."""
    sent: datetime | None = None
    """When it went out. Set by the store."""


class Outgoing(Protocol):
    """What waits to be sent. It is sent at least once, and once where the one who sends lives to say so."""

    def put(self, parcel: OutboxItem, when: datetime) -> bool:
        """Adds it, due at `when`; False, and nothing changes, when that key was put before, sent or not."""

    def take(self, now: datetime, *, hold_seconds: float, limit: int = 20, kind: str = "") -> tuple[OutboxItem, ...]:
        """Parcels that are due, of this kind or of all, the oldest first; nobody else is given them for
        `hold_seconds`."""

    def sent(self, key: str, when: datetime) -> None:
        """It went out. What did so a year before that is forgotten: only then its key may be put again."""

    def failed(self, key: str, error: str, again: datetime | None) -> None:
        """It did not; it is due again at `again`, or given up where that is None."""

    def amend(self, key: str, body: Json) -> None:
        """Replaces what is in a parcel that was not sent yet."""

    def listing(self, *, limit: int = 100, sent: bool = False) -> tuple[OutboxItem, ...]:
        """What was not sent yet, given up or not, the oldest first; or what was sent, the newest first."""
