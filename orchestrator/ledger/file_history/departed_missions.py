"""With which epoch did a mission leave the ledger whose file a person took away?

A name may be used again. What is kept of an attempt is called by its mission's name and its epoch: its memo, its entry
in the journal, its folder on a node. So the epochs of a name go on where those of the mission before it ended, and no
attempt goes on with what was left of another mission's.

A node sees files leave from look to look. At its first question it looks through the last MAX_SEARCHED commits; what
left before those, or came, ended an attempt and left between two looks, is not known to it. Where it saw a file that
nobody had had, and sees another, it looks at what the file said in between.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import PurePosixPath

from missions.errors import BadName
from missions.mission import Mission, Quarantined, mission_of_file, slug
from orchestrator.ledger.archive import read_mission
from orchestrator.ledger.file_history.file_versions import FileVersions
from orchestrator.ledger.file_history.recent_changes import MISSIONS, RecentChanges
from sync.objects import EXECUTABLE, FILE, FOLDER, TreeEntry, find, load_commit, load_tree
from sync.remote import ObjectStore, Oid

MAX_SEARCHED = 200
"""Commits that are looked through at a node's first question, those of merged lines among them."""
MAX_VERSIONS = 20
"""Versions of one file that are read of what happened between two looks."""
MAX_KEPT = 5_000
"""Names of which it is remembered with what file they left."""


Found = tuple[str, Oid, Mission | Quarantined]
"""A file of `missions/` that is a mission or was meant as one: its path, its blob, and what was read."""


def left_or_reset(gone: Container[str], before: Iterable[Found], now: Iterable[Found]) -> Iterator[tuple[str, Oid]]:
    """Of the paths that changed since the last look the files that are another mission now, or none: one that goes on
    keeps its epoch, or has a later one. A file that nobody had had may have been had in between: it is among them."""
    epochs = {path: read.epoch for path, _, read in now if isinstance(read, Mission)}
    for path, blob, read in before:
        there = epochs.get(path, 0)
        if path in gone and isinstance(read, Mission) and (there == 0 or there < read.epoch):
            yield path, blob


@dataclass
class DepartedMissions:
    """Of one ledger. Finished missions are among those that it remembers: their names are taken anyway."""

    store: ObjectStore
    _left: dict[str, dict[str, Oid]] = field(default_factory=dict)
    """Of each name the files as they were last before they left or began anew, by path: none is read before somebody
    asks for its name."""
    _epochs: dict[str, int] = field(default_factory=dict)
    _searched: bool = False

    def note(self, gone: Iterable[tuple[str, Oid]]) -> None:
        """These files, by path and blob, stood in `missions/` at the last look; another mission does now, or none."""
        for path, blob in gone:
            self._files(path)[path] = blob
        for kept in (self._left, self._epochs):
            while len(kept) > MAX_KEPT:
                del kept[next(iter(kept))]

    def _files(self, path: str) -> dict[str, Oid]:
        try:
            return self._left.setdefault(slug(PurePosixPath(path).stem), {})
        except BadName:
            return {}  # no mission has such a name

    def epoch(self, mission: Mission, tip: Oid) -> int:
        """The last epoch of the missions that had its name and left before `tip`; 0 where none is known."""
        if not self._searched:
            self._search(tip)
            self._searched = True
        files = self._left.pop(mission.name, {})
        read = [read_mission(self.store, *file) for file in files.items()]
        epochs = (each.epoch for each in read if isinstance(each, Mission))
        # With the epoch that the mission has, it is the mission itself, which stood under another spelling.
        found = max((epoch for epoch in epochs if epoch != mission.epoch), default=0)
        if files and found == mission.epoch == 0:
            found = self._between(files, tip)
        if found > self._epochs.get(mission.name, 0):
            self._epochs[mission.name] = found
        return self._epochs.get(mission.name, 0)

    def _between(self, paths: Iterable[str], tip: Oid) -> int:
        recent, versions = RecentChanges(self.store, tip), FileVersions(self.store)
        changes = ((path, commit) for path in paths for commit in islice(recent.of(path), MAX_VERSIONS))
        read = (versions.mission(path, commit) for path, commit in changes)
        return max((each.epoch for each in read if each is not None), default=0)

    def _search(self, tip: Oid) -> None:
        queue, seen = deque([tip]), {tip}
        while queue and len(seen) <= MAX_SEARCHED:
            commit = queue.popleft()
            for parent in load_commit(self.store, commit).parents:
                for path, blob in self._missing(parent, commit):
                    self._files(path).setdefault(path, blob)  # it goes back in time: what left later is known already
                if parent not in seen:
                    seen.add(parent)
                    queue.append(parent)

    def _missing(self, before: Oid, after: Oid) -> Iterator[tuple[str, Oid]]:
        """The files that stood in the folder before and not after."""
        old, new = self._folder(before), self._folder(after)
        if old is None or old == new:
            return
        there = load_tree(self.store, new.oid) if new else {}
        for name, entry in load_tree(self.store, old.oid).items():
            if name not in there and mission_of_file(name) and entry.mode in (FILE, EXECUTABLE):
                yield f"{MISSIONS}/{name}", entry.oid

    def _folder(self, commit: Oid) -> TreeEntry | None:
        entry = find(self.store, load_commit(self.store, commit).tree, MISSIONS)
        return entry if entry is not None and entry.mode == FOLDER else None
