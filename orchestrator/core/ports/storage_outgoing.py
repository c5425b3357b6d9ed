"""The storage ports of what leaves this node: operations, parcels, sums of usage, copies of everything?

The second half of `stores`, which names them all and says what every store promises; import them from there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Protocol

from orchestrator.core.ports.agent import Usage

Json = Mapping[str, Any]
"""A JSON object."""


@dataclass(frozen=True, kw_only=True)
class SyncOp:
    """One operation of a device. `hlc` is its hybrid logical timestamp, as text that the store does not read."""

    op_id: str
    hlc: str
    kind: str
    body: Json
    device: str = ""
    """Set by `push`."""


@dataclass(frozen=True, kw_only=True)
class SyncPushResult:
    """What became of each operation, by `op_id`; `refused` ids are taken by an operation that says something else."""

    accepted: tuple[str, ...]
    duplicates: tuple[str, ...]
    refused: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class SyncPullResult:
    """Operations in the order in which this node took them; `cursor` is where to go on, `more` whether to at once."""

    ops: tuple[SyncOp, ...]
    cursor: str
    more: bool


class SyncOps(Protocol):
    """The operations of all devices, append-only."""

    def push(self, device_id: str, ops: Iterable[SyncOp]) -> SyncPushResult:
        """Takes all operations that are new, or, when this raises, none."""

    def pull(self, after: str = "", limit: int = 500) -> SyncPullResult:
        """What came after a cursor; everything after an empty one, or one from before the database was restored.

        Nothing is ever missed by going on from a cursor, whoever pushes meanwhile. Raises WrongSetting for words that
        are no cursor.
        """


@dataclass(frozen=True, kw_only=True)
class OutboxItem:
    """Something that must leave this node once, a notification for example. `key` is what makes it the same one."""

    key: str
    kind: str
    body: Json
    tries: int = 0
    error: str = ""
    """Why the last try failed."""
    due: datetime | None = None
    """When it is tried next; None on what the store returns: it was given up, or it went out. Set by the store."""
    sent: datetime | None = None
    """When it went out. Set by the store."""


class Outgoing(Protocol):
    """What waits to be sent. It is sent at least once, and once where the one who sends lives to say so."""

    def put(self, parcel: OutboxItem, when: datetime) -> bool:
        """Adds it, due at `when`; False, and nothing changes, when that key was put before, sent or not."""

    def take(self, now: datetime, *, hold_seconds: float, limit: int = 20) -> tuple[OutboxItem, ...]:
        """Parcels that are due, the oldest first; nobody else is given them for `hold_seconds`."""

    def sent(self, key: str, when: datetime) -> None:
        """It went out."""

    def failed(self, key: str, error: str, again: datetime | None) -> None:
        """It did not; it is due again at `again`, or given up where that is None."""

    def amend(self, key: str, body: Json) -> None:
        """Replaces what is in a parcel that was not sent yet."""

    def listing(self, *, limit: int = 100, sent: bool = False) -> tuple[OutboxItem, ...]:
        """What was not sent yet, given up or not, the oldest first; or what was sent, the newest first."""


class Cursors(Protocol):
    """How far something has been read, by a name; what a restart must not forget."""

    def get(self, name: str) -> str:
        """The mark; empty when there is none."""

    def put(self, name: str, value: str) -> None:
        """Sets it."""


@dataclass(frozen=True, kw_only=True)
class UsageOwner:
    """Whose usage it is. A chat's turn is a run too: `mission` its conversation, `epoch` the turn's seq."""

    node: str
    mission: str
    epoch: int
    attempt: int
    agent: str
    project: str = ""


@dataclass(frozen=True, kw_only=True)
class UsageTotals:
    """Sums over some runs. `unpriced` runs have no known cost."""

    runs: int
    tokens_in: int
    tokens_out: int
    tokens_cached: int
    seconds: float
    cost_usd: float
    unpriced: int


@dataclass(frozen=True, kw_only=True)
class Spend:
    """What one node spent in one day (UTC) on one project with one agent and model; empty words are none."""

    day: date
    node: str
    project: str
    agent: str
    model: str
    totals: UsageTotals


class UsageBook(Protocol):
    """What has been used, by whom, for what."""

    def record(self, run: UsageOwner, usage: Usage, *, when: datetime) -> bool:
        """Notes what a run took; returns False, and changes nothing, when that run was noted before."""

    def by_project(self, *, since: datetime) -> Mapping[str, UsageTotals]:
        """Totals by project; runs without one are under an empty name."""

    def by_mission(self, *, since: datetime) -> Mapping[str, UsageTotals]:
        """Totals by mission, over all its attempts on all nodes that this database knows of."""

    def spent(self, *, since: datetime) -> tuple[Spend, ...]:
        """Totals by day, node, project, agent and model, in that order."""


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
