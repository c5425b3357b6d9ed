"""Of several files that are one mission, which was there first?

Whoever adds a second spelling of a name takes nothing away from the first, also where its text is the one that was
claimed and the first one's was changed since. When a file came is found in the branch's history once: after that only
what the branch has gained is looked at.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from orchestrator.ledger.file_history.recent_changes import MISSIONS, RecentChanges
from sync.objects import FOLDER, find, load_commit, load_tree
from sync.remote import ObjectStore, Oid

MAX_NEW_COMMITS = 50
"""Commits since the last look that are read one by one; where there are more, or a merge, git is asked again."""


@dataclass
class NameTwins:
    """Looks at one ledger's branch, tip after tip. What it keeps is of the files that are asked about now."""

    store: ObjectStore
    _tip: Oid = ""
    _folder: Oid = ""
    """Its folder of missions."""
    _before: dict[str, tuple[frozenset[str], int]] = field(default_factory=dict)
    """Of each file its twins, and how many of them were there already when it came."""

    def files_before(self, recent: RecentChanges, folder: Oid, groups: Iterable[Collection[str]]) -> Mapping[str, int]:
        """How many files of its own group there were already when each file came, the last time that it came; as
        `recent.tip` has them in its folder of missions."""
        alike = {path: frozenset(group) - {path} for group in groups for path in group}
        kept = {path: known for path, known in self._before.items() if alike.get(path) == known[0]}
        stayed = self._stayed(recent.tip, kept, {folder, self._folder}) if kept else set()
        self._before = {
            path: kept[path] if path in stayed else (others, self._count(recent, path, others))
            for path, others in alike.items()
        }
        self._tip, self._folder = recent.tip, folder
        return {path: count for path, (_, count) in self._before.items()}

    def _stayed(self, tip: Oid, paths: Iterable[str], whole: set[Oid]) -> set[str]:
        """Those of the paths that every commit since the last look has left where they are. `whole` are folders that
        have all of them."""
        names = {path.removeprefix(f"{MISSIONS}/") for path in paths}
        for _ in range(MAX_NEW_COMMITS):
            if not names or tip == self._tip:
                return {f"{MISSIONS}/{name}" for name in names}
            commit = load_commit(self.store, tip)
            if len(commit.parents) != 1:
                return set()
            entry = find(self.store, commit.tree, MISSIONS)
            if entry is None or entry.mode != FOLDER:
                return set()
            if entry.oid not in whole:
                names &= load_tree(self.store, entry.oid).keys()
                whole = {*whole, entry.oid}
            tip = commit.parents[0]
        return set()

    def _count(self, recent: RecentChanges, path: str, others: Collection[str]) -> int:
        for commit in recent.of(path):
            if recent.is_new(path, commit):
                return self._there(load_commit(self.store, commit).parents, others)
        for commit in self.store.history(recent.tip, path):
            parents = load_commit(self.store, commit).parents
            if not self._there(parents, (path,)):
                return self._there(parents, others)
        return 0

    def _there(self, commits: Iterable[Oid], paths: Iterable[str]) -> int:
        """How many of the paths stand in one of these commits."""
        trees = [load_commit(self.store, commit).tree for commit in commits]
        return sum(any(find(self.store, tree, path) for tree in trees) for path in paths)
