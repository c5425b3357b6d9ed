"""Where is a finished mission, in an archive of a hundred thousand that changes with every fold?

`ArchiveReader` reads a month's folder whole whenever it has changed. Here nobody but a fold archives, so a mission
that was never folded is not there, and only the others are looked for.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from orchestrator.ledger.archive import ArchiveReader
from sync.objects import read_tree
from sync.remote import Oid


@dataclass(frozen=True, kw_only=True)
class Shelf(Mapping[str, Oid]):
    """One month's folder, unread. `folded` are all missions of which some attempt was ever folded."""

    folder: bytes
    folded: Collection[str]

    def __getitem__(self, name: str) -> Oid:
        mark = f" {name}.md\0".encode()
        at = self.folder.find(mark) if name in self.folded else -1
        if at < 0:
            raise KeyError(name)
        return self.folder[at + len(mark) : at + len(mark) + 20].hex()

    def __iter__(self) -> Iterator[str]:
        return (name.removesuffix(".md") for name in read_tree(self.folder))

    def __len__(self) -> int:
        return len(read_tree(self.folder))


@dataclass
class Archivist(ArchiveReader):
    """A librarian that reads nothing before it is asked."""

    folded: Collection[str] = field(default_factory=set)

    def _month(self, folder: Oid) -> Mapping[str, Oid]:
        return Shelf(folder=self.store.get(folder), folded=self.folded)
