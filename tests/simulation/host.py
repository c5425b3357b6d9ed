"""What does the shared Git server do in the simulation? Queues, counts, and forgets what would not fit into memory."""

from __future__ import annotations

import zlib
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from orchestrator.ledger.transport import BEAT, CLAIM, LOG
from sync.errors import PushUncertain, RemoteUnreachable
from sync.memory_remote import MemoryRemote, MemoryServer, MemoryStore
from sync.remote import Oid, PushVerdict, Refs, RefUpdate
from tests.simulation.scenario import Host

LARGE = 2 * 1024
"""Bytes. Of larger objects (a journal, a month's folder) only the newest are kept: each fold makes new ones."""
KEPT = 512 * 1024 * 1024
"""Bytes of large objects that are kept."""
SAMPLE = 64
"""One object in so many of a kind and size is compressed, to know what the rest would be."""


@dataclass
class SizeClass:
    """Objects that are alike in kind and size."""

    count: int = 0
    raw: int = 0
    sampled_raw: int = 0
    sampled_packed: int = 0

    def add(self, data: bytes) -> None:
        """Counts one more."""
        if self.count % SAMPLE == 0:
            self.sampled_raw += len(data)
            self.sampled_packed += len(zlib.compress(data, 1))
        self.count += 1
        self.raw += len(data)

    @property
    def packed(self) -> float:
        """What they would take, each compressed by itself."""
        return self.raw * self.sampled_packed / max(1, self.sampled_raw)


@dataclass
class MeteredStore(MemoryStore):
    """Objects in memory, with the bytes that they would take on the server's disk before `git gc`."""

    raw: int = 0
    count: int = 0
    _classes: dict[tuple[str, int], SizeClass] = field(default_factory=lambda: defaultdict(SizeClass))
    """By kind and the length of the length: a long journal compresses far better than a folder or a short text."""
    _large: OrderedDict[Oid, int] = field(default_factory=OrderedDict)
    _kept: int = 0

    def put(self, kind: str, data: bytes) -> Oid:
        """Stores an object and counts it, if it is new."""
        before = len(self.objects)
        oid = super().put(kind, data)
        if len(self.objects) > before:
            self._count(oid, kind, data)
        return oid

    def _count(self, oid: Oid, kind: str, data: bytes) -> None:
        self.raw += len(data)
        self.count += 1
        self._classes[kind, len(data).bit_length()].add(data)
        if len(data) > LARGE:
            self._large[oid] = len(data)
            self._kept += len(data)
            while self._kept > KEPT:
                old, size = self._large.popitem(last=False)
                self._kept -= size
                del self.objects[old]

    @property
    def packed(self) -> float:
        """Bytes on disk, each object compressed by itself, as a server keeps what is pushed until it collects."""
        return sum(found.packed for found in self._classes.values())


class Queue:
    """The server's cores and its limit on pushes: who asks waits until it is their turn."""

    def __init__(self, host: Host) -> None:
        self.gap = 60 / host.pushes_a_minute if host.pushes_a_minute else 0.0
        """Seconds between two pushes, where the host limits them."""
        self.busy = 0.0
        self.throttled = 0
        """Pushes that the limit made wait."""
        self._free = [0.0] * host.cores
        self._host = host
        self._next_push = 0.0

    def fetch(self, now: float, refs: int) -> float:
        """When a fetch that is asked for now is answered."""
        return self._served(now, (self._host.fetch_ms + self._host.fetch_ms_per_ref * refs) / 1000)

    def push(self, now: float) -> float:
        """The same for a push."""
        starts, seconds = max(now, self._next_push), self._host.push_ms / 1000
        self._next_push = starts + self.gap
        if starts <= now:
            return self._served(now, seconds)
        self.throttled += 1
        self.busy += seconds
        return starts + seconds  # where the limit holds pushes back, the cores have time

    def _served(self, now: float, seconds: float) -> float:
        self.busy += seconds
        at = self._free.index(min(self._free))
        self._free[at] = max(self._free[at], now) + seconds
        return self._free[at]


class View(dict[str, Oid]):
    """What a fetch shows, and which of it are claims, so that nobody looks for them among a thousand logs."""

    claims: dict[str, Oid]
    """By the missions that they are on."""


@dataclass
class Server(MemoryServer):
    """The shared refs, and what became of them; `now` is when. `version` counts changes of all refs but the beats."""

    moved: Callable[[Collection[str]], None] = lambda _refs: None
    """Is told which refs have moved, if any of them is no beat."""
    now: float = 0.0
    version: int = 0
    claimed: dict[str, float] = field(default_factory=dict)
    """When each mission was claimed for the first time."""
    since: dict[str, float] = field(default_factory=dict)
    """When each claim moved last."""
    beats: OrderedDict[str, float] = field(default_factory=OrderedDict)
    """When each node's beat moved last, the longest silent one first."""
    stretches: dict[str, int] = field(default_factory=dict)
    """By how much each node's beat is stretched."""
    folded: dict[str, list[float]] = field(default_factory=dict)
    """How long each mission's ended attempts waited for the branch."""
    _closed: dict[str, float] = field(default_factory=dict)
    _plain: dict[str, Oid] = field(default_factory=dict)
    """Neither beats nor claims."""
    _claims: dict[str, Oid] = field(default_factory=dict)
    _view: tuple[int, View] = field(default_factory=lambda: (-1, View()))

    def view(self) -> View:
        """All refs but the beats as they are now: the same object as long as nothing moves."""
        if self._view[0] != self.version:
            view = View(self._plain)  # nothing is ever taken out of it, and such a dictionary is copied as a whole
            view.claims = dict(self._claims)
            view.update((CLAIM + name, oid) for name, oid in self._claims.items())
            self._view = (self.version, view)
        return self._view[1]

    def move(self, updates: Sequence[RefUpdate], *, atomic: bool) -> dict[str, PushVerdict]:
        """Moves refs as any server does, and takes notes."""
        verdicts = super().move(updates, atomic=atomic)
        taken = [update for update in updates if verdicts[update.ref] is PushVerdict.ACCEPTED]
        ended = any(update.ref.startswith(LOG) for update in taken)
        for update in taken:
            if update.ref.startswith(BEAT):
                name = update.ref.removeprefix(BEAT)
                self.beats[name] = self.now
                self.beats.move_to_end(name)
            else:
                self._note(update, ended=ended)
        if any(not update.ref.startswith(BEAT) for update in taken):
            self.moved([update.ref for update in taken])
        return verdicts

    def _note(self, update: RefUpdate, *, ended: bool) -> None:
        self.version += 1
        if not update.ref.startswith(CLAIM):
            _move(self._plain, update.ref, update.new)
            return
        name = update.ref.removeprefix(CLAIM)
        _move(self._claims, name, update.new)
        if update.new is None:
            self.since.pop(name, None)
            if name in self._closed:
                self.folded.setdefault(name, []).append(self.now - self._closed.pop(name))
            return
        self.since[name] = self.now
        self.claimed.setdefault(name, self.now)
        if ended:
            self._closed[name] = self.now


def _move(refs: dict[str, Oid], ref: str, new: Oid | None) -> None:
    if new is None:
        del refs[ref]
    else:
        refs[ref] = new


class Link(MemoryRemote):
    """One machine's way to the server. `wait` lets virtual time pass until a moment; `counts` counts for all."""

    def __init__(
        self,
        server: Server,
        queue: Queue,
        counts: Counter[str],
        *,
        now: Callable[[], float],
        wait: Callable[[float], None],
    ) -> None:
        super().__init__(server)
        self.shared, self.queue, self.counts, self.now, self._wait = server, queue, counts, now, wait
        self.cut = False
        """The line is broken."""
        self.dead = False
        """The machine has no power."""
        self.view: Refs | None = None
        """What a fetch has brought already on which a round now acts."""

    def fetch(self) -> Refs:
        """What the fetch brought with which the round began, the first time; then what is there."""
        if self.view is None:
            self._broken()
            self.counts["fetches"] += 1
            self._wait(self.queue.fetch(self.now(), len(self.shared.refs)))
            self._broken()
        refs, self.view = self.view or self.shared.view(), None
        self._refs = refs  # nobody rewrites the branch here: what MemoryRemote.fetch checks besides would hold
        return refs

    def sleep(self, seconds: float) -> None:
        """Lets time pass."""
        self._wait(self.now() + seconds)

    def push(self, updates: Sequence[RefUpdate], *, atomic: bool = False) -> Mapping[str, PushVerdict]:
        """Moves refs when it is this push's turn."""
        self._broken()
        kind = _kind(updates)
        self.counts[f"{kind} pushes"] += 1
        self._wait(self.queue.push(self.now()))
        self.shared.now = self.now()
        verdicts = super().push(updates, atomic=atomic)
        if self.cut:
            raise PushUncertain("the host", "the line was cut before the answer came")
        if PushVerdict.STALE in verdicts.values():
            self.counts["refused"] += 1
            self.counts[f"{kind} pushes refused"] += 1
        return verdicts

    def _broken(self) -> None:
        if self.cut:
            raise RemoteUnreachable("the host", "the line is cut")


def _kind(updates: Sequence[RefUpdate]) -> str:
    """What a push is for."""
    refs = [update.ref for update in updates]
    if "refs/heads/main" in refs:
        return "fold" if any(ref.startswith(CLAIM) for ref in refs) else "filing"
    if any(ref.startswith(LOG) for ref in refs):
        return "result"
    claims = all(ref.startswith(CLAIM) for ref in refs) and all(update.new for update in updates)
    return "claim" if claims else "other"
