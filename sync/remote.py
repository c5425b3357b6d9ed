"""What must a remote promise so that exactly one of many machines can win?

Two ports. `Remote` moves refs, each with an expectation and a verdict of its own: that is the compare-and-swap on
which everything above rests. `ObjectStore` holds the objects that refs point to.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

Oid = str
"""Hexadecimal SHA-1 name of a Git object."""

Refs = Mapping[str, Oid]

MOVED_MESSAGE = "it has moved meanwhile: fetch first"
"""What a served ledger's gate says where git itself cannot say any more that somebody else moved the ref first."""


MAX_OBJECT_BYTES = 32 * 1024 * 1024
"""What others wrote is read up to this size, or a smaller one that the reader names; a larger object is not read."""


class PushVerdict(StrEnum):
    """What became of one update."""

    ACCEPTED = "accepted"
    STALE = "stale"
    UNCHANGED = "unchanged"
    """The remote already had exactly this value. It was not moved, so nobody won anything by it (trap A)."""


@dataclass(frozen=True, kw_only=True)
class RefUpdate:
    """Move `ref` from `expect` (None: it must not exist) to `new` (None: delete it)."""

    ref: str
    expect: Oid | None
    new: Oid | None


class LedgerRemote(Protocol):
    """A set of refs that many machines share."""

    def fetch(self) -> Refs:
        """All refs of the ledger as the remote has them now, with their objects in the store.

        Raises RemoteUnreachable; BranchMissing when there is no ledger yet; HistoryRewritten when the default
        branch no longer descends from what was seen before.
        """

    def seen(self) -> Refs:
        """The refs as they were last fetched, without asking the remote; empty when they never were."""

    def heads(self, *prefixes: str) -> Refs:
        """Where the ledger's branch, and the refs below `prefixes`, stand at the remote now.

        Cheap: nothing is brought. Raises RemoteUnreachable.
        """

    def push(self, updates: Sequence[RefUpdate], *, atomic: bool = False) -> Mapping[str, PushVerdict]:
        """Moves refs, each only from its expected value; with `atomic`, all or none. One verdict per ref.

        ACCEPTED means that this very push moved the ref. Raises PushUncertain when no verdict came back,
        PushRefused when the remote declines for a reason of its own, RemoteUnreachable when it was never reached.
        """

    def close(self) -> None:
        """Lets go of processes and connections. Closing twice is no error."""


class ObjectStore(Protocol):
    """Objects by name, as Git keeps them: blobs, trees and commits. What was put is never changed."""

    def get(self, oid: Oid, limit: int = MAX_OBJECT_BYTES) -> bytes:
        """An object's content. Raises ObjectMissing, and ObjectTooLarge for one of more than `limit` bytes."""

    def size(self, oid: Oid) -> int:
        """An object's length in bytes without reading it. Raises ObjectMissing."""

    def warm(self, oids: Iterable[Oid]) -> None:
        """A hint: these objects are asked for next. What is missing, or large, is passed over."""

    def put(self, kind: str, data: bytes) -> Oid:
        """Stores an object (`blob`, `tree` or `commit`) and returns its name. Putting it twice is no error."""

    def put_all(self, objects: Sequence[tuple[str, bytes]]) -> list[Oid]:
        """The same of many, kind and content of each; none names one that comes after it. Cheaper than one by one."""

    def history(self, tip: Oid, path: str, *, since: Oid | None = None) -> Iterator[Oid]:
        """The commits whose `path` differs from that of a parent, on all sides of merges, children before parents.

        With `since`, without that commit and its ancestors.
        """

    def between(self, tip: Oid, since: Oid | None) -> dict[Oid, tuple[Oid, ...]]:
        """The commits of `tip` that `since` (None: nobody) does not have, with parents; children before parents."""

    def descends(self, new: Oid, old: Oid) -> bool:
        """Whether `old` is `new` or one of its ancestors."""
