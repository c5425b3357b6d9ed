"""Where is a finished mission? By name from the index, in order from the folders; and how a mission's file is read.

New ones lie by days (`missions/archive_path`). Months of older ledgers, and what a person put into one by hand, are
read as they are.

A file that is larger than a mission can be is not read at all: it is quarantined, wherever it stands, and stops nobody.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from types import MappingProxyType

from missions import document
from missions.archive_path import ARCHIVE_FOLDER as ARCHIVE_FOLDER
from missions.archive_path import INDEX_FOLDER, archive_path, index_path, is_day
from missions.mission import Mission, Quarantined, name_of_file
from sync.objects import EXECUTABLE, FILE, FOLDER, MAX_TREE_BYTES, TreeEntry, find, folder_entries, read_tree
from sync.remote import ObjectStore, Oid

MAX_KNOWN_ENDS = 100_000
"""Missions of which it is remembered when they ended."""
MAX_KNOWN_NAMES, MAX_KNOWN_MISSIONS = 100_000, 500
"""Names of which it is remembered where they are in the archive or that they are not, and finished missions' files that
are kept as they were read: of each a few hundred bytes, and of a file its text."""
MAX_BYTE_LOOKUPS = 20
"""Questions after which a month is read for good: looking through its bytes costs a thousandth of that, each time."""
MAX_DEPTH, MAX_INDEX_BYTES = 8, 64
"""Folders in folders that are read below a day, bytes of an entry of the index."""


def read_mission(store: ObjectStore, path: str, blob: Oid) -> Mission | Quarantined:
    """The mission in a blob, or why it is none. Raises ObjectMissing where the blob is lost."""
    data = mission_bytes(store, blob)
    if data is not None:
        return document.read(path, data)
    name = path.rsplit("/", 1)[-1]
    stem = name[: -len(".md")] if name.lower().endswith(".md") else name
    reason = f"the file has {store.size(blob):,} bytes; a mission has at most {document.MAX_FILE_BYTES:,}"
    return Quarantined(name=name_of_file(stem), path=path, reason=reason)


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


class ArchiveFolder(Mapping[str, Oid]):
    """Missions that ended in one span of time, by name. What is in it is read once something is wanted."""

    def __init__(self, ends: dict[Oid, float] | None = None) -> None:
        """`ends`: when missions ended, by their blobs, as far as somebody asked: folders share it."""
        self.ends = {} if ends is None else ends
        self._order: tuple[tuple[float, str], ...] | None = None

    def newest_first(self, store: ObjectStore) -> tuple[tuple[float, str], ...]:
        """When each ended, in seconds since 1970 with the sign turned (0: not known), and its name; in this order.

        Every file of the folder is read for it, once.
        """
        if self._order is None:
            store.warm(blob for blob in self.values() if blob not in self.ends)
            self._order = tuple(sorted((-self._ended(store, blob), name) for name, blob in self.items()))
        return self._order

    @abstractmethod
    def path(self, name: str) -> str:
        """Where one of the missions lies, below this folder."""

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

    @property
    @abstractmethod
    def _blobs(self) -> Mapping[str, Oid]: ...


class ArchiveMonth(ArchiveFolder):
    """One month's folder in an older ledger, whose files lie side by side."""

    def __init__(self, tree: bytes, ends: dict[Oid, float] | None = None) -> None:
        super().__init__(ends)
        self.tree, self._asked = tree, 0

    def path(self, name: str) -> str:
        """The month's files are the folder's own."""
        return f"{name}.md"

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
            return _mission_blobs(read_tree(self.tree))
        except ValueError:
            return {}  # it is called a folder and is none


class ArchiveDay(ArchiveFolder):
    """One day's folder, whose files lie below others."""

    def __init__(self, store: ObjectStore, entry: TreeEntry, ends: dict[Oid, float] | None = None) -> None:
        super().__init__(ends)
        self._store, self._entry = store, entry

    def path(self, name: str) -> str:
        """By the folders below the day."""
        return f"{self._places[name][0]}{name}.md"

    @property
    def _blobs(self) -> Mapping[str, Oid]:
        return {name: blob for name, (_, blob) in self._places.items()}

    def __getitem__(self, name: str) -> Oid:
        return self._places[name][1]

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    @cached_property
    def _places(self) -> Mapping[str, tuple[str, Oid]]:
        return dict(_walk(self._store, self._entry, "", MAX_DEPTH))


def _walk(store: ObjectStore, folder: TreeEntry, under: str, depth: int) -> Iterator[tuple[str, tuple[str, Oid]]]:
    entries = folder_entries(store, folder)
    yield from ((name, (under, blob)) for name, blob in _mission_blobs(entries).items())
    inner = [(name, entry) for name, entry in sorted(entries.items()) if entry.mode == FOLDER] if depth else []
    store.warm(entry.oid for _, entry in inner)
    for name, entry in inner:
        yield from _walk(store, entry, f"{under}{name}/", depth - 1)


def _mission_blobs(entries: Mapping[str, TreeEntry]) -> dict[str, Oid]:
    files = (FILE, EXECUTABLE)
    return {n.removesuffix(".md"): e.oid for n, e in entries.items() if n.endswith(".md") and e.mode in files}


@dataclass(frozen=True, kw_only=True)
class Archive:
    """What one version of the branch holds of finished missions."""

    store: ObjectStore | None = None
    tree: Oid = ""
    """The archive's own folder."""
    months: tuple[tuple[str, Mapping[str, Oid]], ...] = ()
    """Of older ledgers, newest first."""
    known_days: dict[Oid, ArchiveDay] = field(default_factory=dict, repr=False)
    ends: dict[Oid, float] = field(default_factory=dict, repr=False)
    memory: ArchiveMemory = field(default_factory=lambda: ArchiveMemory(), repr=False, compare=False)
    _places: dict[str, tuple[str, Oid] | None] = field(default_factory=dict, repr=False, compare=False)

    def find(self, name: str) -> tuple[str, Oid] | None:
        """A finished mission's path and blob; the newest one of that name."""
        if name in self._places:
            return self._places[name]
        place = self._find(name)
        if len(self._places) >= MAX_KNOWN_NAMES:
            self._places.clear()
        self._places[name] = place
        return place

    def mission(self, name: str) -> tuple[str, Oid, Mission | Quarantined] | None:
        """A finished mission's path, blob and what the file says."""
        if self.store is None or (not self.months and self.memory.is_absent(self.store, self.tree, name, "")):
            return None  # as of nearly all that are open, which are asked for whenever the branch has moved
        place = self.find(name)
        return None if place is None else (*place, self.memory.read(self.store, *place))

    def _find(self, name: str) -> tuple[str, Oid] | None:
        indexed, by_month = self._indexed(name), self._in_month(name)
        if indexed is None or by_month is None or self.store is None:
            return indexed or by_month
        return max(by_month, indexed, key=self._age)

    def attempt_file(self, name: str, ending: str) -> tuple[str, Oid] | None:
        """The path and blob of what an attempt left (`1.diff`), as the index names it."""
        return self._indexed(name, ending)

    def _indexed(self, name: str, ending: str = "") -> tuple[str, Oid] | None:
        if self.store is None or not self.tree or self.memory.is_absent(self.store, self.tree, name, ending):
            return None
        path = index_path(name, ending).removeprefix(f"{ARCHIVE_FOLDER}/")
        place = find(self.store, self.tree, path)
        if place is None:
            self.memory.note_absent(self.store, self.tree, name, ending)
        if place is None or place.mode != FILE or self.store.size(place.oid) > MAX_INDEX_BYTES:
            return None
        day = self.store.get(place.oid, MAX_INDEX_BYTES).decode("utf-8", "replace").strip()
        path = archive_path(name, day, ending or "md") if is_day(day) else ""
        file = find(self.store, self.tree, path.removeprefix(f"{ARCHIVE_FOLDER}/")) if path else None
        return (path, file.oid) if file and file.mode in (FILE, EXECUTABLE) else None

    def _in_month(self, name: str) -> tuple[str, Oid] | None:
        for month, blobs in self.months:
            if name in blobs:
                return f"{ARCHIVE_FOLDER}/{month}/{name}.md", blobs[name]
        return None

    def _age(self, place: tuple[str, Oid]) -> tuple[str, bytes]:
        """Of two files of one name the later one counts; in one month, what a person put there before it had ended."""
        assert self.store is not None
        month = place[0].removeprefix(f"{ARCHIVE_FOLDER}/")[:7].replace("/", "-")
        return month, finished_text(mission_bytes(self.store, place[1]) or b"") or b"~"

    @cached_property
    def folders(self) -> tuple[tuple[str, ArchiveFolder], ...]:
        """Everything by the time it ended, newest first: by days (`2026-11-29`) and by months (`2026-11`)."""
        months = [(name, blobs) for name, blobs in self.months if isinstance(blobs, ArchiveFolder)]
        return tuple(sorted([*months, *self._days()], key=lambda pair: pair[0], reverse=True))

    def _days(self) -> Iterator[tuple[str, ArchiveFolder]]:
        if self.store is None or not self.tree:
            return
        used: set[Oid] = set()
        for year, in_year in _dated(folder_entries(self.store, TreeEntry(FOLDER, self.tree)), _YEAR):
            for month, in_month in _dated(folder_entries(self.store, in_year), _MONTH_OR_DAY):
                for day, entry in _dated(folder_entries(self.store, in_month), _MONTH_OR_DAY):
                    known = self.known_days.get(entry.oid) or ArchiveDay(self.store, entry, self.ends)
                    self.known_days[entry.oid] = known
                    used.add(entry.oid)
                    yield f"{year}-{month}-{day}", known
        for gone in self.known_days.keys() - used:  # a busy day is another folder after each fold
            del self.known_days[gone]

    def __iter__(self) -> Iterator[tuple[str, Oid]]:
        for label, files in self.folders:
            for name, blob in files.items():
                yield f"{folder_path(label, files)}/{files.path(name)}", blob


def folder_path(label: str, files: ArchiveFolder) -> str:
    """Where a pair of `Archive.folders` lies: what a person made may be called anything."""
    return f"{ARCHIVE_FOLDER}/{label.replace('-', '/') if isinstance(files, ArchiveDay) else label}"


_YEAR, _MONTH_OR_DAY = re.compile(r"\d{4}", re.ASCII), re.compile(r"\d\d", re.ASCII)


def _dated(entries: Mapping[str, TreeEntry], name: re.Pattern[str]) -> Iterator[tuple[str, TreeEntry]]:
    return ((each, entry) for each, entry in entries.items() if entry.mode == FOLDER and name.fullmatch(each))


@dataclass
class ArchiveMemory:
    """What one reader remembers from archive to archive; all of it can be found again.

    A fold of one mission changes one of the sixteen folders of the index. What was not found in one of the others is
    still not there: the names of all open missions need not be looked for again.
    """

    _absent: dict[tuple[str, str], tuple[str, Oid | None]] = field(default_factory=dict)
    """What was looked for in the index in vain, with the folder of the sixteen in which that is so."""
    _parsed: dict[tuple[str, Oid], Mission | Quarantined] = field(default_factory=dict)
    _parts: tuple[Oid, Mapping[str, Oid]] = ("", MappingProxyType({}))

    def is_absent(self, store: ObjectStore, archive: Oid, name: str, ending: str) -> bool:
        """Whether it is known that the index has nothing of that name: its folder of the sixteen is as it was then."""
        known = self._absent.get((name, ending))
        if known is None:
            return False
        parts = self._parts  # other threads look through other archives
        return (parts if parts[0] == archive else self._read_parts(store, archive))[1].get(known[0]) == known[1]

    def note_absent(self, store: ObjectStore, archive: Oid, name: str, ending: str) -> None:
        """The index has nothing of that name."""
        if len(self._absent) >= MAX_KNOWN_NAMES:
            self._absent.clear()
        part = index_path(name, ending).removeprefix(f"{INDEX_FOLDER}/").partition("/")[0]
        self._absent[name, ending] = part, self._index_part(store, archive, part)

    def _index_part(self, store: ObjectStore, archive: Oid, part: str) -> Oid | None:
        """One of the index's sixteen folders; None where there is none."""
        known = self._parts  # other threads look through other archives
        return (known if known[0] == archive else self._read_parts(store, archive))[1].get(part)

    def _read_parts(self, store: ObjectStore, archive: Oid) -> tuple[Oid, Mapping[str, Oid]]:
        entries = folder_entries(store, find(store, archive, INDEX_FOLDER.removeprefix(f"{ARCHIVE_FOLDER}/")))
        self._parts = known = archive, {name: entry.oid for name, entry in entries.items()}
        return known

    def read(self, store: ObjectStore, path: str, blob: Oid) -> Mission | Quarantined:
        """The mission in a blob, parsed once."""
        found = self._parsed.get((path, blob))
        if found is None:
            found = read_mission(store, path, blob)
            if len(self._parsed) >= MAX_KNOWN_MISSIONS:
                self._parsed.clear()
            self._parsed[path, blob] = found
        return found


@dataclass
class ArchiveReader:
    """Reads archives. A day or a month that is over is a folder that never changes: it is read once."""

    store: ObjectStore
    _known: dict[Oid, Mapping[str, Oid]] = field(default_factory=dict)
    _days: dict[Oid, ArchiveDay] = field(default_factory=dict)
    _ends: dict[Oid, float] = field(default_factory=dict)
    _memory: ArchiveMemory = field(default_factory=ArchiveMemory)
    _last: tuple[TreeEntry | None, Archive] = (None, Archive())
    """Of which folder of missions the last one was."""

    def read(self, tree: Oid) -> Archive:
        """The archive in a commit's tree."""
        folder, _, name = ARCHIVE_FOLDER.partition("/")
        missions = find(self.store, tree, folder)
        if missions is None or missions.mode != FOLDER:
            return Archive()
        if missions != self._last[0]:
            entry = find(self.store, missions.oid, name)
            known = self._last[1] if entry is not None and self._last[1].tree == entry.oid else None
            self._last = (missions, known or self._read(entry))
        return self._last[1]

    def _read(self, entry: TreeEntry | None) -> Archive:
        if entry is None or entry.mode != FOLDER:
            return Archive()
        other = {INDEX_FOLDER.rpartition("/")[2]}
        folders = [
            (n, e.oid)
            for n, e in folder_entries(self.store, entry).items()
            if e.mode == FOLDER and n not in other and not _YEAR.fullmatch(n)
        ]
        self._known = {oid: self._known[oid] if oid in self._known else self._month(oid) for _, oid in folders}
        return Archive(
            store=self.store,
            tree=entry.oid,
            months=tuple((name, self._known[oid]) for name, oid in sorted(folders, reverse=True)),
            known_days=self._days,
            ends=self._ends,
            memory=self._memory,
        )

    def _month(self, folder: Oid) -> Mapping[str, Oid]:
        return ArchiveMonth(self.store.get(folder, MAX_TREE_BYTES), self._ends)
