"""What does a node keep of conversations, and of the calls of tools in them?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from orchestrator.core.json_object import Json


@dataclass(frozen=True, kw_only=True)
class Conversation:
    """A conversation without its turns. `turns` is their number and the `seq` of the last."""

    id: str
    project: str
    device: str
    """The device that began it; any other may go on."""
    title: str
    created: datetime
    updated: datetime
    turns: int = 0

    @property
    def cursor(self) -> str:
        """Where it stands in the listing; give it as `before` for what comes after it."""
        return f"{self.updated.isoformat()}~{self.id}"


@dataclass(frozen=True, kw_only=True)
class ConversationTurn:
    """One message of a conversation. `seq` counts from 1 without gaps; it and `created` are set by `append`."""

    role: str
    content: str
    device: str = ""
    usage: Json = field(default_factory=dict)
    trace: Json = field(default_factory=dict)
    idempotency_key: str = ""
    operation: str = ""
    """The key of the sync operation that tells it; set by `append`, and by whoever takes in what came."""
    seq: int = 0
    created: datetime | None = None
    repeated: bool = False
    """Set on what `append` returns if a turn with this idempotency key was there already: this is that one."""


class Conversations(Protocol):
    """Conversations and their turns."""

    def create(self, project: str, device: str, title: str) -> Conversation:
        """A new, empty conversation with an id of its own."""

    def get(self, conversation_id: str) -> Conversation:
        """One conversation. Raises NotFound."""

    def append(self, conversation_id: str, turn: ConversationTurn) -> ConversationTurn:
        """Adds a turn, safe on disk when this returns; with the same idempotency key only once.

        Raises NotFound, and Refused when that key was used here for another role or content.
        """

    def turns(self, conversation_id: str, after_seq: int = 0, limit: int = 500) -> tuple[ConversationTurn, ...]:
        """At most `limit` turns that come after `after_seq`, in order. Raises NotFound."""

    def listing(
        self, *, device: str = "", project: str = "", limit: int = 50, before: str = ""
    ) -> tuple[Conversation, ...]:
        """The conversations that were used last, newest first; empty words mean any. `before` is a `cursor`."""

    def delete(self, conversation_id: str) -> bool:
        """Takes a conversation out with its turns and tool calls; False when it is not there."""


class SyncedChats(Protocol):
    """Conversations that go on elsewhere, as they come in from devices and other nodes: nothing of it is told on."""

    def take_in(self, conversation: Conversation, turns: Sequence[ConversationTurn]) -> int:
        """Appends the turns whose operations are new to a conversation, which is made if there is none."""

    def has(self, conversation_id: str) -> bool:
        """Whether there is such a conversation here."""

    def drop(self, conversation_id: str) -> None:
        """Takes a conversation out here that is hidden everywhere."""


@dataclass(frozen=True, kw_only=True)
class ToolCall:
    """One call of a tool. `state` is running, done, failed, held (waits for a person) or refused."""

    conversation_id: str
    name: str
    arguments: Json
    state: str = "running"
    result: Json = field(default_factory=dict)
    seconds: float = 0.0
    id: int = 0
    """Set by `begin`."""
    begun: datetime | None = None


class ToolCalls(Protocol):
    """The trace of every tool call; one that was begun and never finished shows that the process died meanwhile."""

    def begin(self, call: ToolCall) -> ToolCall:
        """Notes a call before it is done; returns it with its id. Raises NotFound without its conversation."""

    def finish(self, call_id: int, *, state: str, result: Json, seconds: float) -> None:
        """Notes what came of it. Raises NotFound."""

    def get(self, call_id: int) -> ToolCall:
        """One call. Raises NotFound."""

    def listing(self, conversation_id: str, after_id: int = 0, limit: int = 500) -> tuple[ToolCall, ...]:
        """A conversation's calls in the order in which they began."""
