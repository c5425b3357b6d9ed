"""How are refs of a local repository, a bare one on this disk, moved and fetched at a tenth of what git's push costs?

A push starts five processes and asks twice whether every object is there. Here the objects that are new since the refs
that are expected to stand go over as they are, and one `git update-ref` that stays moves all refs in one transaction
(git-update-ref(1)): each only from its expected value, all or none. That is what `git push --atomic` comes to.

Objects and refs are on the disk before anybody is told that they have moved, unless the repository says
`core.fsync=none`: it may be the only copy, and a power cut must not leave a ref that leads to an empty file.

What a push would do besides must not be left out: a repository with hooks, with rules of its own for what it receives,
of somebody else or of a kind that is not known here is pushed to. A fetch brings what is new since the refs that were
seen, in the same way: git's own goes through every name in the ledger once the branch has moved.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

from sync.errors import GitError, PushUncertain, SyncError
from sync.git import Git, GitStore
from sync.objects import FOLDER, MAX_COMMIT_BYTES, SUBMODULE, load_commit, load_tree, object_id
from sync.pack_file import naming_folders, write_objects
from sync.ref_files import read_refs
from sync.refs.held_tips import HeldTips
from sync.refs.packed_refs import create_refs, many_new
from sync.refs.ref_writer import RefWriter
from sync.remote import MAX_OBJECT_BYTES, ObjectStore, Oid, RefUpdate

NOBODY = "0" * 40
"""The expected value of a ref that must not exist."""
MAX_COMMITS, MAX_OBJECTS = 500, 5000
"""Of one push that goes this way; git finds out faster what is new of more."""
MAX_HELD_BYTES = 8 * 1024 * 1024
"""Bytes of objects that are held while they go over; of a larger one no more than that one."""
_RULES = (
    "receive.",
    "extensions.",
    "transfer.",
    "core.hookspath",
    "core.sharedrepository",
    "core.fsync",
    "core.logallrefupdates",
)
"""Beginnings of settings of whoever receives that only a push heeds."""
NO_FLUSH = "core.fsync=none"
_PLAIN_LINES = (NO_FLUSH, "receive.autogc=false")
"""Such lines that ask for nothing."""


class LocalRepository:
    """A bare repository below a path. Safe to use from several threads."""

    def __init__(self, folder: Path, *, timeout: float) -> None:
        self.folder = folder
        self._git = Git(folder)
        self._refs = RefWriter(self._git, timeout=timeout)
        self._tips = HeldTips(folder / "objects")
        self._objects: GitStore | None = None
        self._settings: dict[tuple[int, int], tuple[str, ...]] = {}

    def push(self, store: ObjectStore, updates: Sequence[RefUpdate]) -> bool:
        """Moves all refs, or none: then, as for what does not go this way, `git push` says why.

        Raises PushUncertain when no answer came back.
        """
        if not self._is_plain():
            return False
        try:
            wanted = [update.new for update in updates if update.new]
            found = dict(_new_objects(store, wanted, [update.expect for update in updates if update.expect]))
            if len(found) > MAX_OBJECTS:
                return False
            durable = NO_FLUSH not in self._lines()
            named = set[Path]()
            _copy_objects(found, store, partial(self._take, durable=durable, named=named))
            if (new := many_new(updates)) and create_refs(self.folder, new, durable=durable, after=named):
                return True
            lines = [f"update {u.ref} {u.new or NOBODY} {u.expect or NOBODY}\n" for u in updates]
            refs = [u.ref for u in updates] if durable else []
            return self._refs.apply(lines, durable=refs, after=named if durable else ())
        except PushUncertain:
            raise
        except (LookupError, ValueError, SyncError, OSError):
            return False

    def _take(self, found: Sequence[tuple[str, bytes]], *, durable: bool, named: set[Path]) -> list[Oid]:
        """Writes objects; `named` gets the folders in which their names are."""
        oids = write_objects(self.folder / "objects", found, durable=durable)
        named |= naming_folders(self.folder / "objects", oids)
        return oids

    def refs(self, *prefixes: str) -> dict[str, Oid]:
        """Where its refs stand now. Raises GitError, also for one whose object is lost."""
        found = read_refs(self.folder, prefixes)
        if found is not None and self._tips.hold(found.values()):
            return found
        packs = self._tips.packs()
        out = self._git.text("for-each-ref", "--format=%(objectname) %(objecttype) %(refname)", *prefixes)
        found = {name: oid for oid, _, name in (line.split(" ", 2) for line in out.splitlines())}
        self._tips.note(found.values(), packs)
        return found

    def bring(self, store: ObjectStore, new: Iterable[Oid], known: Iterable[Oid]) -> bool:
        """Brings all that `new` leads to and `known`, which is whole here, does not; False where git has to do that."""
        if self._objects is None:
            self._objects = GitStore(self.folder)
        try:
            found = dict(_new_objects(self._objects, new, known))
            if len(found) > MAX_OBJECTS:
                return False
            _copy_objects(found, self._objects, store.put_all)
        except (LookupError, ValueError, SyncError, OSError):
            return False
        return True

    def close(self) -> None:
        """Ends the processes; another question begins new ones."""
        self._refs.close()
        if self._objects is not None:
            self._objects.close()

    def _is_plain(self) -> bool:
        """Whether a push to it would do nothing but to take objects and move refs."""
        hooks = self.folder / "hooks"
        try:
            if not (self.folder / "objects").is_dir() or (self.folder / "objects" / "info" / "alternates").exists():
                return False
            if hooks.is_dir() and any(hook.suffix != ".sample" for hook in hooks.iterdir()):
                return False
            stat = (self.folder / "config").stat()
            if hasattr(os, "geteuid") and stat.st_uid != os.geteuid():
                return False
        except OSError:
            return False
        lines = self._lines()
        return bool(lines) and not any(line.startswith(_RULES) for line in lines if line not in _PLAIN_LINES)

    def _lines(self) -> tuple[str, ...]:
        """Its settings with the person's, under which a push runs; none where it is not bare or cannot be read."""
        try:
            stat = (self.folder / "config").stat()
            key = (stat.st_mtime_ns, stat.st_size)
            if key not in self._settings:
                lines = Git(self.folder, as_person=True).text("config", "--list").lower().splitlines()
                bare = [line for line in lines if line.startswith("core.bare")][-1:] == ["core.bare=true"]
                self._settings = {key: tuple(lines) if bare else ()}
        except (OSError, GitError):
            return ()
        return self._settings[key]


def _copy_objects(
    found: dict[Oid, str], source: ObjectStore, put_all: Callable[[Sequence[tuple[str, bytes]]], list[Oid]]
) -> None:
    """What others name goes first: whoever is stopped has left nothing that names what is missing.

    Raises LookupError for an object that is not what its name says.
    """
    waiting, size = list[tuple[str, bytes]](), 0
    for oid, kind in reversed(found.items()):
        data = source.get(oid, MAX_OBJECT_BYTES)
        if object_id(kind, data) != oid:
            raise LookupError(f"{oid} is damaged")
        waiting.append((kind, data))
        size += len(data)
        if size > MAX_HELD_BYTES:
            put_all(waiting)
            waiting, size = [], 0
    put_all(waiting)


def _new_objects(store: ObjectStore, new: Iterable[Oid], known: Iterable[Oid]) -> Iterator[tuple[Oid, str]]:
    """What the other side may not have, with its kind: all that `new` leads to and `known` does not.

    What `known` leads to is there, because refs name it; of anything else only git itself could be sure. Raises
    LookupError for more than belongs here, and for what is neither a blob, as each beat is, nor a commit.
    """
    known = set(known)
    fresh = [oid for oid in dict.fromkeys(new) if oid not in known]
    beats = {oid for oid in fresh if object_id("blob", store.get(oid, MAX_COMMIT_BYTES)) == oid}
    yield from ((oid, "blob") for oid in fresh if oid in beats)
    waiting, seen = [oid for oid in fresh if oid not in beats], set[Oid]()
    while waiting:
        oid = waiting.pop()
        if oid in seen or oid in known:
            continue
        seen.add(oid)
        if len(seen) > MAX_COMMITS:
            raise LookupError("a long history")
        commit = load_commit(store, oid)
        waiting += commit.parents
        beside = [load_commit(store, parent).tree for parent in commit.parents]
        yield oid, "commit"
        yield from _new_in_tree(store, commit.tree, beside)


def _new_in_tree(store: ObjectStore, tree: Oid, beside: Sequence[Oid]) -> Iterator[tuple[Oid, str]]:
    if tree in beside:
        return
    yield tree, "tree"
    others = [load_tree(store, other) for other in beside]
    for name, entry in load_tree(store, tree).items():
        there = [other[name] for other in others if name in other]
        if entry in there or entry.mode == SUBMODULE:
            continue
        if entry.mode == FOLDER:
            yield from _new_in_tree(store, entry.oid, [each.oid for each in there if each.mode == FOLDER])
        else:
            yield entry.oid, "blob"


def local_path(url: str) -> Path | None:
    """The folder that a ledger's address names, where it names one on this disk that is a repository."""
    if "://" in url and not url.startswith("file:///"):
        return None
    folder = Path(url.removeprefix("file://"))
    here = folder.is_absolute() and (folder / "HEAD").is_file() and os.name == "posix"
    return folder if here else None
