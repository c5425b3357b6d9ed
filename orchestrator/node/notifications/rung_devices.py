"""Which of the devices that subscribed may still be rung? A device that was shut out hears nothing more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from orchestrator.core.ports.paired_devices import PairedDevices
from orchestrator.core.ports.tokens import Tokens

TOKEN_PREFIX = "token "  # noqa: S105  # a word, no secret
"""How the name begins of a device that is known by its token alone."""
TOLD_SCOPES = frozenset({"look", "chat", "missions", "approvals", "ops"})
"""Who has one of these reads of missions anyway: a push tells a mission's title."""
LOCAL_DEVICE = f"{TOKEN_PREFIX}local"
"""A browser on the node's own machine, where no token has been made."""


@dataclass(frozen=True, kw_only=True)
class RungDevices:
    """Judges by what the node knows now: pairings and tokens."""

    paired: PairedDevices
    tokens: Tokens
    now: Callable[[], datetime]

    def may_ring(self, device: str, since: datetime | None = None) -> bool:
        """Whether this device is let in now. Raises StoreFailed.

        A token that was made after the device subscribed (`since`) lets in whoever has it, not whom a token of the same
        name let in before.
        """
        known = next((one for one in self.paired.listing() if one.id == device), None)
        if known is not None:
            return known.revoked is None and bool(known.scopes & TOLD_SCOPES)
        now = self.now()
        there = [one for one in self.tokens.listing() if one.revoked is None and one.scopes & TOLD_SCOPES]
        tokens = [one for one in there if one.expires is None or one.expires > now]
        tokens = [one for one in tokens if since is None or one.created <= since]
        return device == LOCAL_DEVICE or any(device in (one.device, f"{TOKEN_PREFIX}{one.name}") for one in tokens)
