"""How are the objects of many changes written in one go? By a store that keeps what is new until it shall write."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from sync.errors import ObjectTooLarge
from sync.objects import object_id
from sync.remote import MAX_OBJECT_BYTES, ObjectStore, Oid


class GatheredObjects:
    """What is put here stands in `store` only after `write`; nothing may name it outside before. For one thread."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._new: dict[Oid, tuple[str, bytes]] = {}

    def write(self) -> None:
        """Writes what was put since the last time."""
        self._store.put_all(list(self._new.values()))
        self._new.clear()

    def get(self, oid: Oid, limit: int = MAX_OBJECT_BYTES) -> bytes:
        """As ObjectStore.get promises."""
        if oid not in self._new:
            return self._store.get(oid, limit)
        if (size := self.size(oid)) > limit:
            raise ObjectTooLarge(oid, size, limit)
        return self._new[oid][1]

    def size(self, oid: Oid) -> int:
        """As ObjectStore.size promises."""
        return len(self._new[oid][1]) if oid in self._new else self._store.size(oid)

    def warm(self, oids: Iterable[Oid]) -> None:
        """As ObjectStore.warm promises."""
        self._store.warm(oid for oid in oids if oid not in self._new)

    def put(self, kind: str, data: bytes) -> Oid:
        """Keeps an object and returns its name."""
        oid = object_id(kind, data)
        self._new.setdefault(oid, (kind, data))
        return oid

    def put_all(self, objects: Sequence[tuple[str, bytes]]) -> list[Oid]:
        """Keeps many."""
        return [self.put(kind, data) for kind, data in objects]

    def history(self, tip: Oid, path: str, *, since: Oid | None = None) -> Iterator[Oid]:
        """As ObjectStore.history promises, of commits that are written."""
        return self._store.history(tip, path, since=since)

    def between(self, tip: Oid, since: Oid | None) -> dict[Oid, tuple[Oid, ...]]:
        """As ObjectStore.between promises, of commits that are written."""
        return self._store.between(tip, since)

    def descends(self, new: Oid, old: Oid) -> bool:
        """As ObjectStore.descends promises, of commits that are written."""
        return self._store.descends(new, old)
