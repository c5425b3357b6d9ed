"""The port of web push: which devices want to be rung, and who carries a message to one?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, kw_only=True)
class PushSubscription:
    """Where one device is rung, and when. `endpoint`, `p256dh` and `auth` are the browser's, as it says them.

    `kinds` are the notifications that it wants; empty: all. `quiet` (`22:00-07:00`; empty: never) counts in `timezone`.
    `server_key` is the node's public key for which the browser made it: no other key reaches it.
    """

    device: str
    endpoint: str
    p256dh: str
    auth: str
    server_key: str
    kinds: tuple[str, ...] = ()
    quiet: str = ""
    timezone: str = "UTC"
    created: datetime | None = None
    """Set by the store."""


class PushSubscriptions(Protocol):
    """The devices that want to be rung, one subscription each."""

    def put(self, subscription: PushSubscription, when: datetime) -> None:
        """Adds it, or replaces what the device had. Raises WrongSetting where there are too many devices."""

    def remove(self, device: str, endpoint: str = "") -> bool:
        """Takes a device's out, with `endpoint` only if it is still that one; whether there was one."""

    def every(self) -> tuple[PushSubscription, ...]:
        """All of them, by device."""


@dataclass(frozen=True, kw_only=True)
class PushMessage:
    """What is sent: `payload` (bytes), for how long it is worth delivering, what it replaces, and whether it wakes."""

    payload: bytes
    ttl_seconds: int
    topic: str
    urgent: bool


class PushCarrier(Protocol):
    """Carries messages to browsers' push services."""

    @property
    def public_key(self) -> str:
        """With what browsers subscribe: the node's public key, in base64url."""

    def check(self, to: PushSubscription) -> None:
        """Raises WrongSetting, which names the field, for what could never be rung from here."""

    def send(self, to: PushSubscription, message: PushMessage) -> None:
        """Hands one over, in a time that is finite. Raises PushGone where nobody listens there any more, PushLater
        where the service wants to be asked later, NotDelivered else."""
