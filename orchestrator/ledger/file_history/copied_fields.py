"""Which of nodes' fields came with a new file, so that no node has said them of this mission?

A person copies a finished mission to have it done again, or writes `status: running` as a wish. A node changes a file
that is there already: with the end of an attempt its epoch moves. Until that has happened, what still stands as it came
is believed to nobody, and the mission starts anew. Only the first commit of all is believed, which may be a ledger that
was moved without its history.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields, replace
from operator import attrgetter
from typing import Any

from missions.fields import NODE_FIELDS
from missions.mission import FINISHED, Mission, Status, mission_of_file
from orchestrator.ledger.file_history.file_versions import FileVersions
from orchestrator.ledger.file_history.recent_changes import MISSIONS, RecentChanges
from sync.objects import FOLDER, find, load_commit, load_tree
from sync.remote import ObjectStore, Oid

DEFAULTS = {each.name: each.default for each in fields(Mission) if each.name in NODE_FIELDS}
_node_values = attrgetter(*NODE_FIELDS)
_DEFAULT_VALUES = tuple(DEFAULTS[name] for name in NODE_FIELDS)
COUNTERS = ("attempt", "rejections", "retries", "spared")
"""They go on where a mission comes back under its own name: its attempts have branches and files."""
PERSONS_STATUS = frozenset({Status.QUEUED, Status.PARKED, Status.REVIEW, *FINISHED})
"""What a person may say of a mission that no node has had yet."""
NOT_NEW = "a new file says that it is {}, and no node has had it: take “status” out to have it done"


@dataclass(frozen=True, kw_only=True)
class OwnFields:
    """A mission without what is believed to nobody. `copied` are the fields that were taken out."""

    mission: Mission
    copied: tuple[str, ...] = ()
    wrong: str = ""
    """Why it cannot be taken in as it is, in words."""


@dataclass(frozen=True, kw_only=True)
class _Origin:
    """The mission as its file came into the ledger. `returned`: a file of this name had been there before."""

    came: Mission
    returned: bool


@dataclass
class FieldOwners:
    """Says of one ledger's files which of nodes' fields are their own; remembers how each came.

    A file that was edited since is not traced back again: only what came since its last commit of then is looked at.
    """

    store: ObjectStore
    _versions: FileVersions = field(init=False)
    _origins: dict[str, tuple[Oid, _Origin | None]] = field(default_factory=dict)
    """By path: the newest commit that had changed it, and how it had come then."""

    def __post_init__(self) -> None:
        self._versions = FileVersions(self.store)

    def forget(self, paths: Iterable[str]) -> None:
        """Forgets files that are gone, or stand there anew."""
        for path in paths:
            self._origins.pop(path, None)

    def own_fields(self, path: str, mission: Mission, recent: RecentChanges) -> OwnFields:
        """The mission at `path`, as `recent.tip` has it, with the nodes' fields that are its own."""
        if mission.status is Status.RUNNING:  # what runs has a claim: no node writes it into the file
            told = self.own_fields(path, replace(mission, status=Status.QUEUED), recent)
            return replace(told, copied=tuple(dict.fromkeys(("status", *told.copied))))
        if _node_values(mission) == _DEFAULT_VALUES:  # as most are that wait
            return OwnFields(mission=mission)
        said = [name for name in NODE_FIELDS if getattr(mission, name) != DEFAULTS[name]]
        if not set(said) - {"status", "reason"} and mission.status in PERSONS_STATUS - FINISHED:
            return OwnFields(mission=mission)
        origin = self._origin(path, recent)
        if origin is None:
            return OwnFields(mission=mission)
        came = origin.came
        same = [name for name in said if getattr(came, name) == getattr(mission, name) and name != "epoch"]
        evidence = [name for name in NODE_FIELDS if getattr(came, name) != DEFAULTS[name]]
        if not set(evidence) - {"status", "reason"} and came.status in PERSONS_STATUS:
            finished = mission.status in FINISHED and "status" in same
            return OwnFields(mission=mission, wrong=NOT_NEW.format(mission.status.value) if finished else "")
        same = [name for name in same if not (origin.returned and name in COUNTERS)]
        anew: dict[str, Any] = {name: DEFAULTS[name] for name in same}
        return OwnFields(mission=replace(mission, **anew), copied=tuple(same))

    def _origin(self, path: str, recent: RecentChanges) -> _Origin | None:
        """None where the fields are believed: a node has ended an attempt of it, here or before it was moved here."""
        last = next(recent.of(path), None)
        if last is None:
            return self._trace(path, recent.tip)
        self._origins[path] = (last, self._since(path, recent))
        return self._origins[path][1]

    def _since(self, path: str, recent: RecentChanges) -> _Origin | None:
        """By what came since it was asked the last time, where nothing of that decides it anew."""
        known = self._origins.get(path)
        for commit in recent.of(path):
            if known is not None and commit == known[0]:
                return known[1]
            if self._is_fold(path, commit):
                return None
            if self._is_new(path, commit):
                break
        return self._trace(path, recent.tip)

    def _trace(self, path: str, tip: Oid) -> _Origin | None:
        came: Mission | None = None
        commits = self._versions.along(path, self.store.history(tip, path))
        for commit in commits:
            came = self._versions.mission(path, commit) or came
            if self._is_fold(path, commit):
                return None
            if self._is_new(path, commit):
                parents = load_commit(self.store, commit).parents
                if came is None or not parents or self._was_renamed(parents, came):
                    return None
                older = [self._versions.mission(path, commit) for commit in commits]
                known = any(each is not None and each.epoch == came.epoch > 0 for each in older)
                return None if known else _Origin(came=came, returned=bool(older))
        return None

    def _is_new(self, path: str, commit: Oid) -> bool:
        """Whether a commit added the file."""
        parents, blob = load_commit(self.store, commit).parents, self._versions.blob
        return blob(path, commit) is not None and not any(blob(path, parent) for parent in parents)

    def _is_fold(self, path: str, commit: Oid) -> bool:
        """Whether a commit gave a file that was there another epoch."""
        now = self._versions.mission(path, commit)
        parents = load_commit(self.store, commit).parents if now else ()
        before = [read for read in (self._versions.mission(path, parent) for parent in parents) if read]
        return now is not None and bool(before) and all(read.epoch != now.epoch for read in before)

    def _was_renamed(self, parents: Iterable[Oid], came: Mission) -> bool:
        """Whether the same mission stood there under another spelling of its name."""
        for parent in parents:
            folder = find(self.store, load_commit(self.store, parent).tree, MISSIONS)
            for name in load_tree(self.store, folder.oid) if folder and folder.mode == FOLDER else ():
                same = mission_of_file(name) == came.name
                read = self._versions.mission(f"{MISSIONS}/{name}", parent) if same else None
                if read is not None and read.epoch == came.epoch:
                    return True
        return False
