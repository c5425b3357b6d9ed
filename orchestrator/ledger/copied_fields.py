"""Which of nodes' fields came with a new file, so that no node has said them of this mission?

A person copies a finished mission to have it done again, or writes `status: running` as a wish. A node changes a file
that is there already: with the end of an attempt its epoch moves. Until that has happened, what still stands as it came
is believed to nobody, and the mission starts anew. Only the first commit of all is believed, which may be a ledger that
was moved without its history.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, replace
from operator import attrgetter
from typing import Any

from missions.errors import BadName
from missions.fields import NODE_FIELDS
from missions.mission import FINISHED, Mission, Status, slug
from orchestrator.ledger.archive import read_mission
from orchestrator.ledger.recent_changes import MISSIONS, RecentChanges
from sync.objects import EXECUTABLE, FILE, FOLDER, find, load_commit, load_tree
from sync.remote import ObjectStore, Oid

DEFAULTS = {each.name: each.default for each in fields(Mission) if each.name in NODE_FIELDS}
_node_values = attrgetter(*NODE_FIELDS)
_DEFAULT_VALUES = tuple(DEFAULTS[name] for name in NODE_FIELDS)
COUNTERS = ("attempt", "rejections", "retries")
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


def own_fields(store: ObjectStore, path: str, mission: Mission, recent: RecentChanges) -> OwnFields:
    """The mission at `path`, as `recent.tip` has it, with the nodes' fields that are its own."""
    if mission.status is Status.RUNNING:  # what runs has a claim: no node writes it into the file
        told = own_fields(store, path, replace(mission, status=Status.QUEUED), recent)
        return replace(told, copied=tuple(dict.fromkeys(("status", *told.copied))))
    if _node_values(mission) == _DEFAULT_VALUES:  # as most are that wait
        return OwnFields(mission=mission)
    said = [name for name in NODE_FIELDS if getattr(mission, name) != DEFAULTS[name]]
    if not set(said) - {"status", "reason"} and mission.status in PERSONS_STATUS - FINISHED:
        return OwnFields(mission=mission)
    origin = _Origin.find(store, path, recent, mission)
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


@dataclass(frozen=True, kw_only=True)
class _Origin:
    """The mission as its file came into the ledger. `returned`: a file of this name had been there before."""

    came: Mission
    returned: bool

    @classmethod
    def find(cls, store: ObjectStore, path: str, recent: RecentChanges, mission: Mission) -> _Origin | None:
        """None where the fields are believed: a node has ended an attempt of it, here or before it was moved here."""
        if _believed(store, path, recent.of(path)):
            return None
        came: Mission | None = None
        commits = store.history(recent.tip, path)
        for commit in commits:
            came = _mission(store, path, _blob(store, commit, path)) or came
            if _is_fold(store, path, commit):
                return None
            if _is_new(store, path, commit):
                parents = load_commit(store, commit).parents
                if came is None or not parents or _was_renamed(store, parents, came):
                    return None
                older = [_mission(store, path, _blob(store, commit, path)) for commit in commits]
                known = any(each is not None and each.epoch == came.epoch > 0 for each in older)
                return None if known else cls(came=came, returned=bool(older))
        return None


def _believed(store: ObjectStore, path: str, commits: Iterator[Oid]) -> bool:
    """Whether one of these commits, the newest first, is a node's, with none between that added the file."""
    for commit in commits:
        if _is_fold(store, path, commit):
            return True
        if _is_new(store, path, commit):
            return False
    return False


def _is_new(store: ObjectStore, path: str, commit: Oid) -> bool:
    """Whether a commit added the file."""
    parents = load_commit(store, commit).parents
    return _blob(store, commit, path) is not None and not any(_blob(store, parent, path) for parent in parents)


def _is_fold(store: ObjectStore, path: str, commit: Oid) -> bool:
    """Whether a commit gave a file that was there another epoch."""
    now = _mission(store, path, _blob(store, commit, path))
    parents = load_commit(store, commit).parents if now else ()
    before = [read for read in (_mission(store, path, _blob(store, parent, path)) for parent in parents) if read]
    return now is not None and bool(before) and all(read.epoch != now.epoch for read in before)


def _was_renamed(store: ObjectStore, parents: Iterable[Oid], came: Mission) -> bool:
    """Whether the same mission stood there under another spelling of its name."""
    for parent in parents:
        folder = find(store, load_commit(store, parent).tree, MISSIONS)
        for name in load_tree(store, folder.oid) if folder and folder.mode == FOLDER else ():
            path = f"{MISSIONS}/{name}"
            read = _mission(store, path, _blob(store, parent, path)) if _slug(name) == came.name else None
            if read is not None and read.epoch == came.epoch:
                return True
    return False


def _slug(name: str) -> str:
    try:
        return slug(name.removesuffix(".md"))
    except BadName:
        return ""


def _blob(store: ObjectStore, commit: Oid, path: str) -> Oid | None:
    entry = find(store, load_commit(store, commit).tree, path)
    return entry.oid if entry and entry.mode in (FILE, EXECUTABLE) else None


def _mission(store: ObjectStore, path: str, blob: Oid | None) -> Mission | None:
    found = None if blob is None else read_mission(store, path, blob)
    return found if isinstance(found, Mission) else None
