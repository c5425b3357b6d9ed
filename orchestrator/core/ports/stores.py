"""Which stores does a node keep in its own database, and what do all of them promise?

Each store's port stands beside this one; `app` opens the adapters. Every method of every store may be called from any
thread, and two processes may use one database at once. Moments are aware datetimes. Every method raises StoreFailed
when the database cannot be reached, is out of space or is held by somebody else for too long, and WrongSetting (which
names the argument) for what no database can hold: a name that is too long, a number that is not finite.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from orchestrator.core.ports.conversations import Conversations, SyncedChats, ToolCalls
from orchestrator.core.ports.devices import Devices
from orchestrator.core.ports.outbox import Outgoing
from orchestrator.core.ports.paired_devices import PairedDevices, Pairings
from orchestrator.core.ports.push import PushSubscriptions
from orchestrator.core.ports.registrations import Registrations
from orchestrator.core.ports.suppliers.signals import Signals
from orchestrator.core.ports.sync_ops import SyncOps
from orchestrator.core.ports.tokens import Tokens
from orchestrator.core.ports.usage import UsageBook


class Cursors(Protocol):
    """How far something has been read, by a name; what a restart must not forget."""

    def get(self, name: str) -> str:
        """The mark; empty when there is none."""

    def put(self, name: str, value: str) -> None:
        """Sets it."""

    def starting(self, prefix: str) -> dict[str, str]:
        """Every mark whose name begins so, by its name."""

    def drop(self, names: Iterable[str]) -> None:
        """Forgets these; who asks for one is told that there is none."""


class Copies(Protocol):
    """The whole database as one file, and back; the file is an SQLite database whatever the database is."""

    @property
    def schema(self) -> str:
        """The revision of the schema that this program uses."""

    @property
    def place(self) -> str:
        """What the database is called for a person, without a password."""

    def save(self, path: Path) -> int:
        """Writes a consistent copy to `path`, which is not there yet, while others use the database; returns rows."""

    def empty(self) -> bool:
        """Whether nothing was ever stored here."""

    def load(self, path: Path) -> int:
        """Replaces everything by what the copy holds, wholly or not at all; returns rows. `path` is brought up to date.

        Raises WrongSetting when it is no copy, or one of a newer version.
        """


@dataclass(frozen=True, kw_only=True)
class Stores:
    """All stores of this node."""

    conversations: Conversations
    synced_chats: SyncedChats
    tool_calls: ToolCalls
    tokens: Tokens
    devices: Devices
    paired: PairedDevices
    pairings: Pairings
    sync_ops: SyncOps
    outgoing: Outgoing
    push: PushSubscriptions
    registrations: Registrations
    signals: Signals
    marks: Cursors
    usage: UsageBook
    copies: Copies
    close: Callable[[], None]
