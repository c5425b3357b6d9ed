"""Which sync operations did devices hand in, and how are they read in order?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from orchestrator.core.json_object import Json


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
