"""How do several ways to reach people become one, all addresses joined?"""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.core.ports.notifier import Channel, NotDelivered, NotificationMessage, Notifier


@dataclass(frozen=True)
class JoinedNotifier:
    """All addresses of all of them; each is delivered to by its own."""

    parts: tuple[Notifier, ...]

    @property
    def channels(self) -> tuple[Channel, ...]:
        """Every address."""
        return tuple(channel for part in self.parts for channel in part.channels)

    def send(self, channel: Channel, message: NotificationMessage) -> None:
        """See Notifier."""
        for part in self.parts:
            if channel in part.channels:
                part.send(channel, message)
                return
        raise NotDelivered(f"{channel.name} is no address any more")
