"""The storage ports: what does a node keep in its own database, and what may be asked of that?

Values first, then one protocol for each store. Adapters live in `store/`; `wiring.stores` opens them. Every method of
every store may be called from any thread, and two processes may use one database at once. Moments are aware datetimes.
Every method raises StoreFailed when the database cannot be reached, is out of space or is held by somebody else for too
long, and WrongSetting (which names the argument) for what no database can hold: a name that is too long, a number that
is not finite.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from orchestrator.core.ports.storage_outgoing import Copies as Copies
from orchestrator.core.ports.storage_outgoing import Cursors as Cursors
from orchestrator.core.ports.storage_outgoing import Json as Json
from orchestrator.core.ports.storage_outgoing import OutboxItem as OutboxItem
from orchestrator.core.ports.storage_outgoing import Outgoing as Outgoing
from orchestrator.core.ports.storage_outgoing import Spend as Spend
from orchestrator.core.ports.storage_outgoing import SyncOp as SyncOp
from orchestrator.core.ports.storage_outgoing import SyncOps as SyncOps
from orchestrator.core.ports.storage_outgoing import SyncPullResult as SyncPullResult
from orchestrator.core.ports.storage_outgoing import SyncPushResult as SyncPushResult
from orchestrator.core.ports.storage_outgoing import UsageBook as UsageBook
from orchestrator.core.ports.storage_outgoing import UsageOwner as UsageOwner
from orchestrator.core.ports.storage_outgoing import UsageTotals as UsageTotals

MAX_STORED_NAME_CHARS = 100
"""The longest id or name of anything that is stored, in characters."""


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


@dataclass(frozen=True, kw_only=True)
class TokenRow:
    """A bearer token as it is stored: never itself, only its digest."""

    name: str
    digest: str
    scopes: frozenset[str]
    created: datetime
    expires: datetime | None = None
    used: datetime | None = None
    revoked: datetime | None = None


class Tokens(Protocol):
    """Who may call this node."""

    def add(self, name: str, digest: str, scopes: Iterable[str], expires: datetime | None = None) -> TokenRow:
        """Stores a token. Raises WrongSetting when one of that name is in force or that digest is known."""

    def find(self, digest: str) -> TokenRow | None:
        """The token that counts now; None when it is unknown, was revoked or has expired."""

    def listing(self) -> tuple[TokenRow, ...]:
        """Every token ever, by name, those that no longer count too."""

    def revoke(self, name: str) -> bool:
        """Ends the token of that name, from now on; False when none is in force."""

    def touch(self, digest: str, when: datetime) -> None:
        """Notes when a token was last used."""


@dataclass(frozen=True, kw_only=True)
class DeviceState:
    """What a device said of itself at one moment. `seq` counts each device's reports from 1."""

    device: str
    seq: int
    state: Json
    when: datetime


class Devices(Protocol):
    """The last state of each device, and the ones before."""

    def put_state(self, device_id: str, state: Json, when: datetime) -> DeviceState:
        """Adds a state; of each device the newest 1,000 are kept."""

    def state(self, device_id: str) -> DeviceState | None:
        """The newest state; None when the device never reported one."""

    def history(self, device_id: str, limit: int = 50, before: int | None = None) -> tuple[DeviceState, ...]:
        """States, newest first; only those with a `seq` below `before` where that is given."""


@dataclass(frozen=True, kw_only=True)
class Stores:
    """All stores of this node."""

    conversations: Conversations
    tool_calls: ToolCalls
    tokens: Tokens
    devices: Devices
    sync_ops: SyncOps
    outgoing: Outgoing
    marks: Cursors
    usage: UsageBook
    copies: Copies
    close: Callable[[], None]
