"""What does `[notify]` in fleet.toml say? Never where to: addresses hold secrets, and stand in SHIFTBOOK_NOTIFY."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from urllib.parse import urlsplit

from missions.declared.declared_table import DeclaredTable
from missions.declared.value_rules import After, Before, Limits
from orchestrator.ledger.config import quiet_hours
from orchestrator.ledger.config.notification import NotificationKind


def _known(value: object) -> object:
    words = value if isinstance(value, list) else []
    for word in words:
        if not isinstance(word, str) or word not in set(NotificationKind):
            raise ValueError(f"there are {', '.join(NotificationKind)}, not {word!r}")
    return value


def _address(value: str) -> str:
    if not value:
        return value
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname or not value.isprintable() or " " in value:
        raise ValueError("write the web app's address, such as https://hq.example")
    if parts.username is not None or parts.password is not None:
        raise ValueError("write it without a user and a password: everybody reads fleet.toml")
    return value.rstrip("/")


Kinds = Annotated[tuple[NotificationKind, ...], Before(_known)]


class NotifyPart(DeclaredTable):
    """`[notify]`: which kinds are told, by which node, when, and where their pages are."""

    kinds: Kinds = tuple(NotificationKind)
    by: Annotated[str, Limits(max_length=80)] = ""
    quiet: str = ""
    timezone: str = "UTC"
    urgent: Kinds = ()
    batch_seconds: Annotated[float, Limits(ge=0, le=86_400, allow_inf_nan=False)] = 20.0
    link: Annotated[str, Limits(max_length=500), After(_address)] = ""

    def check(self) -> None:
        """Its hours can be read."""
        quiet_hours.read(self.quiet, self.timezone)  # raises ValueError

    def due(self, kind: NotificationKind, now: datetime) -> datetime:
        """When something of this kind may be told: `now`, or the end of the quiet hours."""
        hours = None if kind in self.urgent else quiet_hours.read(self.quiet, self.timezone)
        return hours.until(now) if hours else now
