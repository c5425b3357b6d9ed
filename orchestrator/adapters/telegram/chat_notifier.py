"""How are people told in the chats that may speak to the fleet's bot?"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from hashlib import blake2b

from orchestrator.core.ports.chat_network import ChatNetwork, ChatNetworkFailed
from orchestrator.core.ports.notifier import Channel, NotDelivered, NotificationMessage
from orchestrator.node.notifications.chat_text import messages


@dataclass(frozen=True, kw_only=True)
class ChatNotifier:
    """Each chat is an address."""

    network: ChatNetwork
    chats: Collection[int]

    @property
    def channels(self) -> tuple[Channel, ...]:
        """The chats, by number."""
        found = {self._id(chat): chat for chat in sorted(self.chats)}
        return tuple(Channel(id=key, name=f"Telegram chat {chat}") for key, chat in found.items())

    def send(self, channel: Channel, message: NotificationMessage) -> None:
        """See Notifier. The API has no place for a key: a message that is sent again comes twice."""
        chat = next((chat for chat in self.chats if self._id(chat) == channel.id), 0)
        waits = message.tone == "info"
        try:
            for part in messages(f"{message.title}\n\n{message.body}", own="/inbox shows it" if waits else ""):
                self.network.send(chat, part)
        except ChatNetworkFailed as error:
            raise NotDelivered(f"{channel.name}: {error}") from error

    def _id(self, chat: int) -> str:
        return blake2b(f"{self.network.name} {chat}".encode(), digest_size=6, person=b"shiftbook").hexdigest()
