"""How much does a round do? What it reads of the ledger, what it parses, and for what git would have to be started."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType

from handoff.entry import parse_log
from missions.frontmatter import split
from missions.lease import read_claim
from missions.yaml_parser import parse_yaml
from orchestrator.ledger.result_record import read_record
from sync.memory_remote import MemoryStore
from sync.remote import MAX_OBJECT_BYTES, Oid

PARSERS = (split, parse_yaml, read_claim, read_record, parse_log)


@dataclass(kw_only=True)
class Work:
    """What was done."""

    objects: int = 0
    bytes: int = 0
    parsed: int = 0
    walks: int = 0
    """Questions about the history, for each of which a Git store starts git."""

    def __sub__(self, other: Work) -> Work:
        return Work(**{name: value - getattr(other, name) for name, value in vars(self).items()})

    def within(self, times: int, other: Work) -> bool:
        """Whether nothing of it is more than `times` the same of another."""
        return all(value <= times * getattr(other, name) for name, value in vars(self).items())


@dataclass
class CountingStore(MemoryStore):
    """A store in memory that counts what it is asked for."""

    done: Work = field(default_factory=Work)

    def get(self, oid: Oid, limit: int = MAX_OBJECT_BYTES) -> bytes:
        """An object's content."""
        data = super().get(oid, limit)
        self.done.objects += 1
        self.done.bytes += len(data)
        return data

    def history(self, tip: Oid, path: str, *, since: Oid | None = None) -> Iterator[Oid]:
        """The commits that changed `path`. What is read for it git reads by itself."""
        self.done.walks += 1
        before = Work(**vars(self.done))
        found = list(super().history(tip, path, since=since))
        self.done = before
        yield from found


@contextmanager
def counted(store: CountingStore) -> Iterator[Callable[[], Work]]:
    """Counts while the block runs; the function says what was done in it."""
    begun = Work(**vars(store.done))
    watched = {parser.__code__ for parser in PARSERS}

    def seen(frame: FrameType, event: str, _arg: object) -> None:
        if event == "call" and frame.f_code in watched:
            store.done.parsed += 1

    sys.setprofile(seen)
    try:
        yield lambda: store.done - begun
    finally:
        sys.setprofile(None)
