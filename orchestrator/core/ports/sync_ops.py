"""Which sync operations does this node hold, and how are they taken, said and read in order?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from mobile_bridge.device_quota import DeviceQuota
from mobile_bridge.operations import Draft, Operation, push_bytes

PAGE_BYTES = push_bytes(4 * 1024 * 1024)
"""Bytes of one page's texts: what fits into the body that a node takes by default."""


@dataclass(frozen=True, kw_only=True)
class SyncPushResult:
    """How many operations were new, how many were here, and up to which number each device's are held now."""

    accepted: int
    duplicates: int
    held: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class SyncPullResult:
    """Texts of operations in the order of their arrival. Go on from `cursor`, at once if there is `more`."""

    texts: tuple[str, ...]
    cursor: str
    more: bool


@dataclass(frozen=True, kw_only=True)
class SyncStanding:
    """What a device asks before it pushes. A node whose `epoch` is another one than before was restored."""

    epoch: str
    own: str
    """The name under which this node itself says something; a restored node has another one."""
    held: Mapping[str, int]


class OperationWriter(Protocol):
    """Takes what devices and nodes say. Times are milliseconds since 1970 (UTC)."""

    def push(
        self,
        ops: Sequence[Operation],
        *,
        now: int,
        quota: DeviceQuota | None = None,
        marks: Mapping[str, str] | None = None,
    ) -> SyncPushResult:
        """Takes all operations that are new, or, when this raises, none. Raises OperationRefused.

        With a quota, what each device hands in is counted and held to it; None for what other nodes pass on. `marks`
        are set as Cursors.put sets them, by the same transaction.
        """

    def write(self, drafts: Iterable[Draft], *, now: int) -> tuple[Operation, ...]:
        """Says something as this node, later than all that is held; a register's base is the value that it has here."""


class SyncOps(OperationWriter, Protocol):
    """The operations of all devices: nothing is ever changed or taken out."""

    def pull(self, after: str = "", limit: int = 500, most_bytes: int = PAGE_BYTES) -> SyncPullResult:
        """What came after a cursor; everything after an empty one, or one from before the database was restored.

        A page ends before `limit` where its texts have more than `most_bytes` in UTF-8, each with a comma; it has one
        in any case. Nothing is ever missed by going on from a cursor, whoever
        pushes meanwhile. Raises WrongSetting for words that are no cursor.
        """

    def standing(self, devices: Iterable[str] = ()) -> SyncStanding:
        """This database's epoch, and up to which number the operations of these devices are held; 0 for none."""

    def of(self, entity: str) -> tuple[Operation, ...]:
        """Every operation of one entity, in the order in which they came."""

    def disputed(self) -> tuple[Operation, ...]:
        """Every operation of the registers that two operations set from the same base."""
