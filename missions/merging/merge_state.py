"""What is known of a mission file when several people changed it at once?

A state is the base and the set of stamped versions that were made of it. Joining two states is the union of those sets,
so it is commutative, associative and idempotent by what a set is; what the file says is a function of the state
(`merge.resolve_versions`) in which each field is a register: of the versions that changed it, the highest stamp counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Stamp = tuple[int, int, str]
"""(milliseconds, counter, node), as a hybrid clock (`sync.hybrid_clock`) gives it: stamps are only ever compared."""

NO_STAMP: Stamp = (0, 0, "")
"""Where no stamp is known. Values decide then, so that every machine comes to the same end."""


@dataclass(frozen=True, kw_only=True)
class StampedVersion:
    """A file as somebody left it. `stamps` has the parts that were changed at another time than the rest."""

    data: bytes
    stamp: Stamp = NO_STAMP
    stamps: frozenset[tuple[str, Stamp]] = frozenset()

    @classmethod
    def of(cls, data: bytes, stamp: Stamp = NO_STAMP, stamps: Mapping[str, Stamp] | None = None) -> StampedVersion:
        """A version whose parts in `stamps` have stamps of their own."""
        return cls(data=data, stamp=stamp, stamps=frozenset((stamps or {}).items()))

    def when(self, part: str) -> Stamp:
        """When a part of it was changed, and by whom."""
        return dict(self.stamps).get(part, self.stamp)


@dataclass(frozen=True, kw_only=True)
class MergeState:
    """One base and what became of it."""

    base: bytes
    versions: frozenset[StampedVersion] = frozenset()

    @classmethod
    def of(cls, base: bytes, version: StampedVersion) -> MergeState:
        """What one machine knows after one edit; an edit that changed nothing leaves no trace."""
        return cls(base=base, versions=frozenset({version} if version.data != base else ()))

    def join(self, other: MergeState) -> MergeState:
        """Everything that both know. Raises ValueError for states of different bases."""
        if self.base != other.base:
            raise ValueError("only versions of one base can be joined")
        return MergeState(base=self.base, versions=self.versions | other.versions)
