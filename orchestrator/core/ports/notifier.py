"""The port of notifiers: who carries a message to people?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from orchestrator.core.errors import OrchestratorError

NOTIFICATION_KIND = "notice"
"""What a parcel with a notice is called in the store."""


class NotDelivered(OrchestratorError):
    """A message did not go out, or nobody can say whether it did; the words hold no secret of the address."""


class PushGone(NotDelivered):
    """Nobody listens at that address any more: the device is rung again when it subscribes anew."""


class PushLater(NotDelivered):
    """The push service wants to be asked again after `seconds`."""

    def __init__(self, words: str, seconds: float) -> None:
        self.seconds = seconds
        super().__init__(words)


@dataclass(frozen=True, kw_only=True)
class Channel:
    """One address. `id` is a digest of it, `name` what a person may see of it: neither tells its secrets."""

    id: str
    name: str


@dataclass(frozen=True, kw_only=True)
class NotificationMessage:
    """What a courier takes. `key` is the same for the same message sent again, so that a receiver can tell."""

    key: str
    title: str
    body: str
    tone: str = "info"
    """info, success, warning or failure."""


class Notifier(Protocol):
    """A way to reach people."""

    @property
    def channels(self) -> tuple[Channel, ...]:
        """Where it delivers to."""

    def send(self, channel: Channel, message: NotificationMessage) -> None:
        """Delivers a message, within a time that is finite whatever the other side does. Raises NotDelivered.

        Where the way allows it, the message's key goes along as `Idempotency-Key`.
        """
