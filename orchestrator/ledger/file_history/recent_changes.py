"""Which commits changed which mission's file lately, found in one walk for all of them?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from sync.objects import FOLDER, TreeEntry, find, load_commit, load_tree
from sync.remote import ObjectStore, Oid

MISSIONS = "missions"
MAX_RECENT_COMMITS = 500
"""Commits that are read for all missions together before git is asked about each: 0.5 ms each, once."""


class RecentChanges:
    """Which commits changed which mission's file, from `tip` down to the first merge; read as far as it is asked."""

    def __init__(self, store: ObjectStore, tip: Oid) -> None:
        self.tip, self._store = tip, store
        self._found: defaultdict[str, list[Oid]] = defaultdict(list)
        self._added: set[tuple[str, Oid]] = set()
        self._steps = self._walk()

    def of(self, path: str) -> Iterator[Oid]:
        """The commits that changed the file at `path`, newest first. They lie in one line: nothing is beside them."""
        number = 0
        while number < len(self._found[path]) or next(self._steps, None):
            for commit in self._found[path][number:]:
                yield commit
                number += 1

    def is_new(self, path: str, commit: Oid) -> bool:
        """Whether one of the commits that `of` gave for this path added the file."""
        return (path, commit) in self._added

    def _walk(self) -> Iterator[Oid]:
        commit, entries = self.tip, self._entries(self.tip)
        for _ in range(MAX_RECENT_COMMITS):
            parents = load_commit(self._store, commit).parents
            if len(parents) > 1:
                return
            before = self._entries(parents[0]) if parents else set()
            known = {name for name, _ in before}
            for name in {name for name, _ in entries ^ before}:
                self._found[f"{MISSIONS}/{name}"].append(commit)
                if name not in known:
                    self._added.add((f"{MISSIONS}/{name}", commit))
            yield commit
            if not parents:
                return
            commit, entries = parents[0], before

    def _entries(self, commit: Oid) -> set[tuple[str, TreeEntry]]:
        folder = find(self._store, load_commit(self._store, commit).tree, MISSIONS)
        return set(load_tree(self._store, folder.oid).items()) if folder and folder.mode == FOLDER else set()
