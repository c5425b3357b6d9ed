"""How does the outbox of notices stand, for whoever looks at a node?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from orchestrator.core.ports.notifier import NOTIFICATION_KIND
from orchestrator.core.ports.outbox import OutboxItem, Outgoing

MAX_LISTED_ITEMS = 1000
"""So many parcels are looked at."""


@dataclass(frozen=True, kw_only=True)
class OutboxStatus:
    """What waits to be told. `resting` failed and is tried again, `given_up` is not."""

    waiting: tuple[OutboxItem, ...]
    resting: tuple[OutboxItem, ...]
    given_up: tuple[OutboxItem, ...]

    @property
    def trouble(self) -> str:
        """What a person should know, in short; empty when everything goes its way."""
        parts = []
        if self.given_up:
            parts.append(
                f"{_format_count(len(self.given_up))} could not be delivered and {_are(self.given_up)} given up"
            )
        if self.resting:
            parts.append(
                f"{_format_count(len(self.resting))} could not be delivered, and {_are(self.resting)} tried again"
            )
        return "; ".join(parts)

    @property
    def error(self) -> str:
        """Why the newest of them failed."""
        return next((each.error for each in (*reversed(self.resting), *reversed(self.given_up)) if each.error), "")


def outbox_status(outgoing: Outgoing) -> OutboxStatus:
    """How it stands now. Raises StoreFailed."""
    mine = [parcel for parcel in outgoing.listing(limit=MAX_LISTED_ITEMS) if parcel.kind == NOTIFICATION_KIND]
    return OutboxStatus(
        waiting=tuple(each for each in mine if each.due is not None and not each.error),
        resting=tuple(each for each in mine if each.due is not None and each.error),
        given_up=tuple(each for each in mine if each.due is None),
    )


def retry_failed(outgoing: Outgoing, now: datetime) -> int:
    """Has everything that failed tried again at once, what was given up too; returns how many. Raises StoreFailed."""
    found = outbox_status(outgoing)
    for parcel in (*found.resting, *found.given_up):
        outgoing.failed(parcel.key, "", now)
    return len(found.resting) + len(found.given_up)


def _format_count(count: int) -> str:
    return f"{count} notice{'s' * (count != 1)}"


def _are(parcels: tuple[OutboxItem, ...]) -> str:
    return "is" if len(parcels) == 1 else "are"
