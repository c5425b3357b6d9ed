"""Where is a finished mission? The archive's folders, one a month, by name; and how a mission's file is read.

A file that is larger than a mission can be is not read at all: it is quarantined, wherever it stands, and stops nobody.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from missions import document
from missions.mission import Mission, Quarantined
from sync.objects import EXECUTABLE, FILE, FOLDER, MAX_TREE_BYTES, find, folder_entries, read_tree
from sync.remote import ObjectStore, Oid

ARCHIVE_FOLDER = "missions/archive"


MAX_KNOWN_ENDS = 100_000
"""Missions of which it is remembered when they ended."""
MAX_BYTE_LOOKUPS = 20
"""Questions after which a month is read for good: looking through its bytes costs a thousandth of that, each time."""


def read_mission(store: ObjectStore, path: str, blob: Oid) -> Mission | Quarantined:
    """The mission in a blob, or why it is none. Raises ObjectMissing where the blob is lost."""
    data = mission_bytes(store, blob)
    if data is not None:
        return document.read(path, data)
    stem = path.rsplit("/", 1)[-1].removesuffix(".md")
    reason = f"the file has {store.size(blob):,} bytes; a mission has at most {document.MAX_FILE_BYTES:,}"
    return Quarantined(name=stem, path=path, reason=reason)


def mission_bytes(store: ObjectStore, blob: Oid) -> bytes | None:
    """A mission file's bytes; None for more than a mission can have. Raises ObjectMissing where the blob is lost."""
    if store.size(blob) > document.MAX_FILE_BYTES:
        return None
    return store.get(blob, document.MAX_FILE_BYTES)


_FINISHED_LINE = re.compile(rb"^finished: ([\"']?)(\S+?)\1\r?$", re.MULTILINE)
"""As nodes write it: what can be told by this line need not be parsed."""


def front_matter_value(line: re.Pattern[bytes], data: bytes) -> bytes:
    """What the line's last group holds in the front matter; empty when there is none, or it is written otherwise."""
    found = line.search(data, 0, max(0, data.find(b"\n---", 3) + 1)) if data.startswith(b"---") else None
    return found[found.re.groups] if found else b""


def finished_text(data: bytes) -> bytes:
    """When a mission ended, as its file says it; empty where that is not told as nodes tell it."""
    return front_matter_value(_FINISHED_LINE, data)


def _seconds(when: bytes) -> float:
    try:
        return datetime.fromisoformat(when.decode("ascii")).timestamp()
    except (ValueError, OverflowError):
        return 0.0


@dataclass
class ArchiveMonth(Mapping[str, Oid]):
    """One month's folder: missions' names and blobs. Its tree is read once something is wanted, or often asked for."""

    tree: bytes
    ends: dict[Oid, float] = field(default_factory=dict, repr=False)
    """When missions ended, by their blobs, as far as somebody asked: months share it, and a blob never changes."""
    _asked: int = 0
    _order: tuple[tuple[float, str], ...] | None = None

    def newest_first(self, store: ObjectStore) -> tuple[tuple[float, str], ...]:
        """When each ended, in seconds since 1970 with the sign turned (0: not known), and its name; in this order.

        Every file of the month is read for it, once.
        """
        if self._order is None:
            self._order = tuple(sorted((-self._ended(store, blob), name) for name, blob in self.items()))
        return self._order

    def _ended(self, store: ObjectStore, blob: Oid) -> float:
        if blob not in self.ends:
            if len(self.ends) >= MAX_KNOWN_ENDS:
                self.ends.clear()
            self.ends[blob] = _seconds(finished_text(mission_bytes(store, blob) or b""))
        return self.ends[blob]

    def __getitem__(self, name: str) -> Oid:
        return self._blobs[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._blobs)

    def __len__(self) -> int:
        return len(self._blobs)

    def __contains__(self, name: object) -> bool:
        """Most questions are about a mission of no or of another month; its bytes tell that without reading them."""
        self._asked += 1
        if self._asked > MAX_BYTE_LOOKUPS:
            return name in self._blobs
        there = f" {name}.md\0".encode("utf-8", "surrogateescape") in self.tree
        return there and name in self._blobs

    @cached_property
    def _blobs(self) -> Mapping[str, Oid]:
        try:
            entries = read_tree(self.tree).items()
        except ValueError:
            return {}  # it is called a folder and is none
        files = (FILE, EXECUTABLE)
        return {n.removesuffix(".md"): e.oid for n, e in entries if n.endswith(".md") and e.mode in files}


@dataclass(frozen=True, kw_only=True)
class Archive:
    """What one version of the branch holds: for each month, newest first, missions' names and blobs."""

    months: tuple[tuple[str, ArchiveMonth], ...] = ()

    def find(self, name: str) -> tuple[str, Oid] | None:
        """A finished mission's path and blob; the newest one of that name."""
        for month, blobs in self.months:
            if name in blobs:
                return f"{ARCHIVE_FOLDER}/{month}/{name}.md", blobs[name]
        return None

    def __iter__(self) -> Iterator[tuple[str, Oid]]:
        for month, blobs in self.months:
            for name, blob in blobs.items():
                yield f"{ARCHIVE_FOLDER}/{month}/{name}.md", blob


@dataclass
class ArchiveReader:
    """Reads archives. A month that is over is a folder that never changes: it is read once."""

    store: ObjectStore
    _known: dict[Oid, ArchiveMonth] = field(default_factory=dict)
    _ends: dict[Oid, float] = field(default_factory=dict)

    def read(self, tree: Oid) -> Archive:
        """The archive in a commit's tree."""
        entry = find(self.store, tree, ARCHIVE_FOLDER)
        if entry is None or entry.mode != FOLDER:
            return Archive()
        folders = [(n, e.oid) for n, e in folder_entries(self.store, entry).items() if e.mode == FOLDER]
        self._known = {oid: self._known[oid] if oid in self._known else self._month(oid) for _, oid in folders}
        return Archive(months=tuple((name, self._known[oid]) for name, oid in sorted(folders, reverse=True)))

    def _month(self, folder: Oid) -> ArchiveMonth:
        return ArchiveMonth(self.store.get(folder, MAX_TREE_BYTES), self._ends)
