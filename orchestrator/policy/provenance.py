"""The provenance of a mission: which commit decided what it asks for?

A commit's name covers the armour of its signature, the signature does not: anybody can make a twin of an old signed
commit, with another name and a signature that holds. So a text counts as said by whoever wrote it only where nobody
has said anything else since, or beside it. Where somebody has, it counts as said by whoever merged the two.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

from orchestrator.ledger.file_history.file_versions import FileVersions
from orchestrator.ledger.file_history.recent_changes import RecentChanges
from sync.objects import Commit, load_commit
from sync.remote import ObjectStore, Oid

MAX_LINEAR_COMMITS = 50
"""Commits that are read one by one before git is asked: 0.1 ms each, where git's process takes 5 ms."""
MAX_MERGES = 50
"""Merges of other texts that are looked into; whoever pushes more of them must sign the last."""


@dataclass
class Provenance:
    """The history of the file at `path`, as `tip` has it."""

    store: ObjectStore
    tip: Oid
    path: str
    recent: RecentChanges | None = None
    """What was read of the branch already, for whoever asks about many files."""
    read: FileVersions | None = None
    """What was read of the file's versions already, for whoever asks again."""
    known: tuple[Oid, list[Oid]] = ("", [])
    """The newest commit that had changed the file when somebody asked before, and what `deciding` said then."""
    _deciding_merges: dict[Oid, bool] = field(default_factory=dict)

    @cached_property
    def versions(self) -> FileVersions:
        """The file's versions."""
        return self.read or FileVersions(self.store)

    def deciding(self) -> list[Oid]:
        """The commits on whose word the text stands, newest first: one signer of them who may file it is enough.

        More than one where several merges have all that was ever said below them. Empty when none was found.
        """
        if self.recent is not None and self.recent.tip == self.tip:
            for commit in self.recent.of(self.path):
                if commit == self.known[0]:  # what came since, all in one line, is nodes' fields
                    return self.known[1]
                if self.recent.is_new(self.path, commit) or self._changes(commit):
                    return [commit]
        found = self._last_change()
        if found is None or self._is_linear(found):
            return [] if found is None else [found]
        touched = list(self.store.history(self.tip, self.path, since=found))
        doubts = [commit for commit in touched if self._contradicts(commit, found)]
        return self._covering_merges(found, doubts) if doubts else [found]

    def _last_change(self) -> Oid | None:
        """A commit that wrote the text which stands there now; a merge if it brought an older text back."""
        wanted, merge = self._requested_content(self.tip), None
        for commit in self.versions.along(self.path, self.store.history(self.tip, self.path)):
            mine = self._requested_content(commit)
            if self._changes(commit):
                return commit if mine == wanted else merge
            if len(self._commit(commit).parents) > 1 and mine == wanted:
                merge = merge or commit
        return None

    def _is_linear(self, found: Oid) -> bool:
        """Whether there is no merge between the tip and `found`: then nothing is beside it."""
        commit = self.tip
        for _ in range(MAX_LINEAR_COMMITS):
            if commit == found:
                return True
            parents = self._commit(commit).parents
            if len(parents) != 1:
                return False
            commit = parents[0]
        return False

    def _contradicts(self, commit: Oid, found: Oid) -> bool:
        """Whether a commit that `found` does not know says something of its own. A twin of `found` does not, nor does
        a merge beside it that took over what nobody there had said anything against."""
        if self._changes(commit):
            return self._commit(commit).payload != self._commit(found).payload
        if len(self._commit(commit).parents) == 1 or self._requested_content(commit) == self._requested_content(found):
            return False
        return self.store.descends(commit, found) or self._is_deciding_merge(commit)

    def _is_deciding_merge(self, merge: Oid) -> bool:
        if merge not in self._deciding_merges:
            if len(self._deciding_merges) >= MAX_MERGES:
                return True
            self._deciding_merges[merge] = True
            self._deciding_merges[merge] = merge in replace(self, tip=merge, read=self.versions).deciding()
        return self._deciding_merges[merge]

    def _covering_merges(self, found: Oid, doubts: list[Oid]) -> list[Oid]:
        """The merges that have the text, know `found` and all `doubts`, and are not made from such a one."""
        every = {commit: 1 << n for n, commit in enumerate([found, *doubts])}
        whole = (1 << len(every)) - 1
        between, knows = self.store.between(self.tip, found), {found: every[found]}
        for commit, parents in reversed(between.items()):
            knows[commit] = every.get(commit, 0)
            for parent in parents:
                knows[commit] |= knows.get(parent, 0)
        wanted, settled = self._requested_content(self.tip), []
        for commit, parents in between.items():
            before = [parent for parent in parents if knows.get(parent) == whole]
            new = len(parents) > 1 and knows[commit] == whole and self._requested_content(commit) == wanted
            if new and wanted not in [self._requested_content(parent) for parent in before]:
                settled.append(commit)
        return settled

    def _changes(self, commit: Oid) -> bool:
        """Whether what it asks for is in none of its parents. Deleting the file is such a change, too."""
        before = {self._requested_content(parent) for parent in self._commit(commit).parents}
        if before <= {None}:
            return True  # there was no such file
        mine = self._requested_content(commit)
        return mine is None or mine not in before

    def _commit(self, commit: Oid) -> Commit:
        return load_commit(self.store, commit)

    def _requested_content(self, commit: Oid) -> str | None:
        return self.versions.requested_content(self.path, commit)
