"""How does a node's heartbeat prove, cheaply and for ever, that it lives?

Its beat ref cycles through a fixed ring of blobs, so that after the first lap a beat never creates an object: a ref
moved a million times costs the repository less than 7 MiB (research: 6.6 MiB at 10,000 beats, then nothing more).
"""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

from sync import files
from sync.errors import ObjectMissing, ObjectTooLarge, PushUncertain, RemoteUnreachable
from sync.remote import LedgerRemote, ObjectStore, Oid, PushVerdict, RefUpdate

RING_BLOBS = 1440
"""Blobs in the ring: one day at a beat a minute. An observer that misses exactly a whole lap sees no move."""

MAX_BEAT_BYTES = 64
_BEAT = re.compile(rb"shiftbook beat ([0-9]{1,4})(?: of ([0-9]{1,4}))?\n")
MAX_STRETCH = 60
"""By so much a beat may be stretched: one a minute becomes one an hour."""

MAX_PUSHES = 3
"""Pushes for one beat, when the answers get lost."""


def _beat(step: int, stretch: int) -> bytes:
    return b"shiftbook beat %d\n" % step if stretch == 1 else b"shiftbook beat %d of %d\n" % (step, stretch)


def announced_stretch(store: ObjectStore, blob: Oid | None) -> int:
    """By how much a node has stretched the pause after the beat that stands there; 1 for what says nothing of it."""
    if blob is None:
        return 1
    try:
        found = _BEAT.fullmatch(store.get(blob, MAX_BEAT_BYTES))
    except (ObjectMissing, ObjectTooLarge):
        return 1
    return min(max(int(found[2] or 1), 1), MAX_STRETCH) if found else 1


class Beat:
    """One node's beat ref. `ref` must be this node's alone."""

    def __init__(self, remote: LedgerRemote, store: ObjectStore, ref: str, *, notes: Path | None = None) -> None:
        """`notes` is a file that keeps where this machine put the ref last; None: any value counts as its own."""
        self.remote, self.store, self.ref, self.notes = remote, store, ref, notes
        self.stretch = 1
        """By how much the pause after the next beat is stretched; the beat says so, as leases last as much longer."""
        self._at: Oid | None = None
        self._step = 0
        self._unconfirmed: set[Oid] = set()
        """What this node has pushed since its last accepted beat without learning what became of it."""

    def start(self) -> None:
        """Finds where the ref stands. Raises what Remote.fetch raises."""
        self._at = self.remote.fetch().get(self.ref)
        self._unconfirmed.clear()
        if self._at is not None:
            self._step = self._step_of(self._at)

    def _step_of(self, blob: Oid) -> int:
        """Where in the ring a beat of ours stands; 0 for what is none, is lost, or was put there by somebody else."""
        try:
            found = _BEAT.fullmatch(self.store.get(blob, MAX_BEAT_BYTES))
        except ObjectMissing:
            return 0
        return int(found[1]) if found else 0

    @property
    def standing_stretch(self) -> int:
        """By how much the beat that was found there says that it is stretched."""
        return announced_stretch(self.store, self._at)

    @property
    def foreign(self) -> bool:
        """Whether the ref stands where this machine did not put it: another one may be alive under the same name."""
        if self._at is None or self.notes is None:
            return False
        return not self.notes.is_file() or self._at not in self.notes.read_text(encoding="ascii", errors="replace")

    def moved(self) -> bool:
        """Looks again, and goes on from there: whether somebody has moved the ref meanwhile. Raises as `start` does."""
        before = self._at
        self.start()
        return self._at not in (before, None)

    def move(self) -> bool:
        """One beat. False when somebody else moved the ref: two nodes run under one name.

        Raises RemoteUnreachable when the remote cannot be reached.
        """
        self._step = (self._step + 1) % RING_BLOBS
        new = self.store.put("blob", _beat(self._step, self.stretch))
        self._note(new)
        for _ in range(MAX_PUSHES):
            verdict = self._push(new)
            if verdict is PushVerdict.ACCEPTED:
                return self._accept(new)
            if verdict is PushVerdict.UNCHANGED and new not in self._unconfirmed:
                return False  # trap A: a double in step with us had moved it there already
            here = self.remote.fetch().get(self.ref)
            if here == new and new in self._unconfirmed:
                return self._accept(new)
            if here != self._at and here not in self._unconfirmed:
                return False
            self._at = here  # an earlier beat of ours, whose answer was lost
        raise RemoteUnreachable(self.ref, f"no answer to {MAX_PUSHES} beats")

    def _note(self, new: Oid) -> None:
        """Before the push: a process that dies after it must know its own beat again."""
        if self.notes is None:
            return
        with suppress(OSError):  # a full disk must not end the beating; a restart then looks whether another one beats
            files.replace(self.notes, f"{self._at or ''}\n{new}\n", durable=False)

    def _push(self, new: Oid) -> PushVerdict | None:
        """The verdict; None when none came back. Raises RemoteUnreachable."""
        try:
            return self.remote.push([RefUpdate(ref=self.ref, expect=self._at, new=new)])[self.ref]
        except RemoteUnreachable as error:
            self._unconfirmed.add(new)  # it may have arrived, or still arrive
            if isinstance(error, PushUncertain):
                return None
            raise

    def _accept(self, new: Oid) -> bool:
        self._at = new
        self._unconfirmed.clear()
        return True
