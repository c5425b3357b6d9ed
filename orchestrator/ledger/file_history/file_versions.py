"""What did a mission's file say in each commit that changed it? Each version is read and parsed once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from hashlib import sha256
from itertools import islice

from missions import document
from missions.mission import Mission, mission_of_file
from orchestrator.ledger.archive import mission_bytes, read_mission
from orchestrator.ledger.file_history.recent_changes import MISSIONS
from sync.objects import EXECUTABLE, FILE, FOLDER, TreeEntry, entry_lines, find, line_name, load_commit
from sync.remote import ObjectStore, Oid

COMMITS_AT_ONCE = 200
"""Commits whose objects are asked for together: to wait for each answer alone costs more than to read it."""
MAX_SEARCHED = 500
"""Commits that are looked through for a file that is gone."""
MAX_KEPT_BYTES, MAX_KEPT_COMMITS = 4 * 1024 * 1024, 10_000
"""Bytes of files that are kept as they were read; commits of which it is kept what stood there, and files of which a
hash is."""


def last_spelling(store: ObjectStore, tip: Oid, mission: str) -> str:
    """Where the file of a mission that is gone stood last: people spell names as they like (`Fix Login.md`).

    The plain spelling where the last MAX_SEARCHED commits to the folder know of no other.
    """
    plain = f"{MISSIONS}/{mission}.md"
    if next(iter(store.history(tip, plain)), None) is not None:
        return plain
    seen = set[bytes]()
    for folder in _folders(store, islice(store.history(tip, MISSIONS), MAX_SEARCHED)):
        fresh = entry_lines(store, folder) - seen  # a name is looked at once: most stand in each of them
        found = next((name for name in map(line_name, fresh) if mission_of_file(name) == mission), None)
        if found is not None:
            return f"{MISSIONS}/{found}"
        seen |= fresh
    return plain


def _folders(store: ObjectStore, commits: Iterable[Oid]) -> Iterator[Oid]:
    """The folder of missions in each of them that has one."""
    left = iter(commits)
    while some := list(islice(left, COMMITS_AT_ONCE)):
        store.warm(some)
        trees = [load_commit(store, commit).tree for commit in some]
        store.warm(trees)
        entries = [entry for tree in trees if (entry := find(store, tree, MISSIONS)) and entry.mode == FOLDER]
        store.warm(entry.oid for entry in entries)
        yield from (entry.oid for entry in entries)


@dataclass
class FileVersions:
    """Versions of files in one store. What it keeps is bounded, and can be read again."""

    store: ObjectStore
    _blobs: OrderedDict[tuple[str, Oid], Oid | None] = field(default_factory=OrderedDict)
    _missions: OrderedDict[tuple[str, Oid], tuple[Mission | None, int]] = field(default_factory=OrderedDict)
    """What was read, with the bytes that it was read from."""
    _contents: OrderedDict[Oid, str | None] = field(default_factory=OrderedDict)
    _kept_bytes: int = 0

    def along(self, path: str, commits: Iterable[Oid]) -> Iterator[Oid]:
        """The same commits, with what they say of the file brought many at a time."""
        left = iter(commits)
        while some := list(islice(left, COMMITS_AT_ONCE)):
            self.store.warm(some)
            trees = [load_commit(self.store, commit).tree for commit in some]
            for depth in range(path.count("/") + 1):
                self.store.warm(trees)
                part = "/".join(path.split("/")[: depth + 1])
                trees = [entry.oid for commit in some if (entry := self._entry(commit, part)) is not None]
            self.store.warm(trees)
            yield from some

    def _entry(self, commit: Oid, path: str) -> TreeEntry | None:
        return find(self.store, load_commit(self.store, commit).tree, path)

    def blob(self, path: str, commit: Oid) -> Oid | None:
        """The file's blob in a commit; None where there is no file."""
        key = (path, commit)
        if key not in self._blobs:
            entry = self._entry(commit, path)
            self._blobs[key] = entry.oid if entry and entry.mode in (FILE, EXECUTABLE) else None
            if len(self._blobs) > MAX_KEPT_COMMITS:
                self._blobs.popitem(last=False)
        return self._blobs[key]

    def mission(self, path: str, commit: Oid) -> Mission | None:
        """The mission that the file is in a commit, without its text; None where none can be read."""
        blob = self.blob(path, commit)
        return None if blob is None else self._mission(path, blob)

    def requested_content(self, path: str, commit: Oid) -> str | None:
        """A hash of what the file asks for in a commit (`missions.document.requested_content`): the same for versions
        that ask for the same. None where there is none, or none can be read."""
        blob = self.blob(path, commit)
        if blob is None:
            return None
        if blob not in self._contents:
            data = mission_bytes(self.store, blob)
            content = None if data is None else document.requested_content(data)
            self._contents[blob] = None if content is None else sha256(content.encode("utf-8", "replace")).hexdigest()
            if len(self._contents) > MAX_KEPT_COMMITS:
                self._contents.popitem(last=False)
        return self._contents[blob]

    def _mission(self, path: str, blob: Oid) -> Mission | None:
        key = (path, blob)
        if key in self._missions:
            self._missions.move_to_end(key)
            return self._missions[key][0]
        found = read_mission(self.store, path, blob)
        read = replace(found, title="", body="", run=None) if isinstance(found, Mission) else None
        size = self.store.size(blob) if read is not None else len(path)
        self._missions[key] = (read, size)
        self._kept_bytes += size
        while self._kept_bytes > MAX_KEPT_BYTES and len(self._missions) > 1:
            self._kept_bytes -= self._missions.popitem(last=False)[1][1]
        return read
