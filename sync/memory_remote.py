"""A remote in memory, for tests and simulation: the same promises as a Git server, without a server.

Several MemoryRemote views share one MemoryServer, as several nodes share one repository.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sync.errors import BranchMissing, HistoryRewritten, ObjectMissing, ObjectTooLarge
from sync.objects import Commit, find, load_commit, object_id
from sync.remote import MAX_OBJECT_BYTES, Oid, PushVerdict, Refs, RefUpdate


@dataclass
class MemoryStore:
    """Objects by name in a dictionary."""

    objects: dict[Oid, bytes] = field(default_factory=dict)

    def get(self, oid: Oid, limit: int = MAX_OBJECT_BYTES) -> bytes:
        """An object's content. Raises ObjectMissing, ObjectTooLarge."""
        if (size := self.size(oid)) > limit:
            raise ObjectTooLarge(oid, size, limit)
        return self.objects[oid]

    def size(self, oid: Oid) -> int:
        """An object's length in bytes. Raises ObjectMissing."""
        try:
            return len(self.objects[oid])
        except KeyError:
            raise ObjectMissing(oid) from None

    def put(self, kind: str, data: bytes) -> Oid:
        """Stores an object and returns its name."""
        oid = object_id(kind, data)
        self.objects[oid] = data
        return oid

    def put_all(self, objects: Sequence[tuple[str, bytes]]) -> list[Oid]:
        """Stores many objects and returns their names."""
        return [self.put(kind, data) for kind, data in objects]

    def warm(self, oids: Iterable[Oid]) -> None:
        """Everything is in memory."""

    def history(self, tip: Oid, path: str, *, since: Oid | None = None) -> Iterator[Oid]:
        """The commits that changed `path`, newest first; with `since`, those that it does not have."""
        commits = self._ancestry(tip)
        left_out = self._ancestry(since) if since else {}
        entries = {oid: find(self, commit.tree, path) for oid, commit in commits.items()}
        for oid, commit in commits.items():
            before = [entries[parent] for parent in commit.parents] or [None]
            if oid not in left_out and any(entry != entries[oid] for entry in before):
                yield oid

    def between(self, tip: Oid, since: Oid | None) -> dict[Oid, tuple[Oid, ...]]:
        """The commits of `tip` that `since` (None: nobody) has not, with their parents; children before parents."""
        left_out = self._ancestry(since) if since else {}
        return {oid: commit.parents for oid, commit in self._ancestry(tip).items() if oid not in left_out}

    def _ancestry(self, tip: Oid) -> dict[Oid, Commit]:
        """A commit and its ancestors, every one before its parents."""
        found: dict[Oid, Commit] = {}
        ordered: dict[Oid, None] = {}
        waiting = [tip]
        while waiting:
            oid = waiting[-1]
            if oid not in found:
                found[oid] = load_commit(self, oid)
                waiting += [parent for parent in found[oid].parents if parent not in found]
            else:
                ordered[waiting.pop()] = None  # all that it descends from stands before it
        return {oid: found[oid] for oid in reversed(ordered)}

    def descends(self, new: Oid, old: Oid) -> bool:
        """Whether `old` is `new` or one of its ancestors."""
        waiting, seen = [new], set[Oid]()
        while waiting:
            oid = waiting.pop()
            if oid == old:
                return True
            if oid not in seen:
                seen.add(oid)
                waiting.extend(load_commit(self, oid).parents)
        return False


@dataclass
class MemoryServer:
    """The shared side: one set of refs, moved under one lock."""

    store: MemoryStore = field(default_factory=MemoryStore)
    refs: dict[str, Oid] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def move(self, updates: Sequence[RefUpdate], *, atomic: bool) -> dict[str, PushVerdict]:
        """Compare-and-swap of each ref; with `atomic`, all or none."""
        with self.lock:
            verdicts = {u.ref: self._judge(u) for u in updates}
            if atomic and PushVerdict.STALE in verdicts.values():
                return dict.fromkeys(verdicts, PushVerdict.STALE)
            for update in updates:
                if verdicts[update.ref] is not PushVerdict.ACCEPTED:
                    continue
                if update.new is None:
                    del self.refs[update.ref]
                else:
                    self.refs[update.ref] = update.new
            return verdicts

    def _judge(self, update: RefUpdate) -> PushVerdict:
        here = self.refs.get(update.ref)
        if here == update.new and here is not None:
            return PushVerdict.UNCHANGED
        return PushVerdict.ACCEPTED if here == update.expect else PushVerdict.STALE


class MemoryRemote:
    """One machine's view of a MemoryServer."""

    def __init__(self, server: MemoryServer, *, branch: str = "main") -> None:
        self.server, self.branch, self.store = server, branch, server.store
        self._seen: Oid | None = None
        self._refs: Refs = {}

    def fetch(self) -> Refs:
        """All refs, as Remote.fetch promises."""
        with self.server.lock:
            refs = dict(self.server.refs)
        tip = refs.get(f"refs/heads/{self.branch}")
        if tip is None:
            raise BranchMissing("memory", self.branch)
        if self._seen not in (None, tip) and not self.store.descends(tip, self._seen or ""):
            raise HistoryRewritten(f"refs/heads/{self.branch}", self._seen or "", tip)
        self._seen, self._refs = tip, refs
        return refs

    def seen(self) -> Refs:
        """The refs as they were last fetched."""
        return self._refs

    def heads(self, *prefixes: str) -> Refs:
        """Where the branch and the refs below `prefixes` stand, as Remote.heads promises."""
        branch = f"refs/heads/{self.branch}"
        with self.server.lock:
            return {ref: oid for ref, oid in self.server.refs.items() if ref == branch or ref.startswith(prefixes)}

    def push(self, updates: Sequence[RefUpdate], *, atomic: bool = False) -> Mapping[str, PushVerdict]:
        """Moves refs, as Remote.push promises."""
        return self.server.move(updates, atomic=atomic)

    def close(self) -> None:
        """Nothing to let go of."""
