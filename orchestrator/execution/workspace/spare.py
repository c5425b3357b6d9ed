"""Which workspaces stand ready before an attempt asks for one, so that a large project's next one need not wait?

A spare is a clone and a tree of a project's default branch, made by the node from its own kept clone and from nothing
else. It is made under another name and renamed when it is whole, and taken by a rename: so one attempt has it, and
nobody had it before. Then only what came to the branch meanwhile is checked out: git compares sizes and times with the
spare's index, and reads no file. A project has one where an attempt had to wait for its tree; the newest few, and only
for some days.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from filelock import FileLock

from missions.plain_data import read_json
from orchestrator.execution.workspace.git_tree import AttemptRepository
from orchestrator.execution.workspace.isolated_git import (
    GIT_ATTRIBUTES,
    GIT_CONFIG,
    ISOLATED_GIT_ENV,
    reset_git_folder,
)
from orchestrator.execution.workspace.kept_clone import copy_kept, fill_tree, missing_parts, settle_index
from orchestrator.execution.workspace.staging import SUBMODULE_MODE
from orchestrator.execution.workspace.tree_walk import remove_tree
from sync import files
from sync.git import Git

SPARES_FOLDER = "spares"
"""In the folder of kept clones. `NAME.json` says that a project is worked on, `NAME/` is its spare."""
MAX_SPARES = 2
SPARE_DAYS = 3.0
"""Days without an attempt after which a project has no spare any more."""
MIN_WAIT_SECONDS = 1.0
"""What making a tree must have taken for a spare to be worth its disk."""
SPARE_FILE, NOTE_SUFFIX = "spare.json", ".json"
MAKING_PREFIX, REMOVED_PREFIX = ".making-", ".gone-"
BOOT_FILE = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, kw_only=True)
class MadeTree:
    """What a spare's tree is: a commit's, with `notes` of what is not in it, though the project names it."""

    base: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Spares:
    """The spares beside a node's kept clones in `cache`. Any process may note and take; one makes them: the node's."""

    cache: Path
    min_wait: float = MIN_WAIT_SECONDS
    clock: Callable[[], float] = time.time

    @property
    def root(self) -> Path:
        """Where they are."""
        return self.cache / SPARES_FOLDER

    # -- for who needs a workspace -------------------------------------------------------------------------------------

    def note(self, kept: Path, folder: Path, branch: str, *, waited: float | None) -> None:
        """A workspace was made in a folder, in so many seconds; None: it was a spare. Raises OSError."""
        path = self.root / f"{kept.stem}{NOTE_SUFFIX}"
        if waited is None and path.exists():
            os.utime(path, (self.clock(), self.clock()))
        elif waited is not None and waited >= self.min_wait and folder.stat().st_dev == self.cache.stat().st_dev:
            path.parent.mkdir(parents=True, exist_ok=True)
            files.replace(path, json.dumps({"branch": branch}), mode=0o600, durable=False)
            os.utime(path, (self.clock(), self.clock()))

    def take(self, kept: Path, folder: Path, branch: str) -> MadeTree | None:
        """Moves the project's spare into a folder, as `git` and `tree`; None where there is none.

        Whoever calls holds the kept clone's lock.
        """
        place, mine = self.root / kept.stem, folder / "spare"
        if not place.is_dir():
            return None
        try:
            remove_tree(mine)
            place.rename(mine)
            made = _usable(mine, branch)
            remove_tree(mine / "git" / "logs")
            for name in ("git", "tree") if made else ():
                (mine / name).rename(folder / name)
        except OSError:  # a folder on another disk, or another process was first
            made = None
        remove_tree(mine)
        if not made:
            drop_taken(folder)
        return made

    # -- for the node --------------------------------------------------------------------------------------------------

    def missing(self, keep_days: float) -> list[Path]:
        """The kept clones that should have a spare and have none. Takes no time."""
        wanted = self._wanted(keep_days)
        return [kept for kept, branch in wanted.items() if not _usable(self.root / kept.stem, branch)]

    def unwanted(self, keep_days: float) -> list[Path]:
        """Spares that nobody wants any more, and what was left of one whose making was cut off."""
        wanted = {kept.stem: branch for kept, branch in self._wanted(keep_days).items()}
        return [place for place in self._places() if not _usable(place, wanted.get(place.name, ""))]

    def make(
        self,
        kept: Path,
        *,
        stopped: Callable[[], bool],
        room: Callable[[int], bool],
        unlocked: Callable[[], None] = lambda: None,
    ) -> bool:
        """Makes a project's spare; returns whether it is there now. `room` says whether so many bytes may be taken;
        `unlocked` is called when what is left takes long, and no attempt waits for it.

        Raises GitError, OSError, Timeout.
        """
        branch = self._branch(kept.stem)
        if not branch or not room(tree_bytes(kept, branch)):
            return False
        making = self.root / f"{MAKING_PREFIX}{kept.stem}"
        remove_tree(making)
        making.mkdir(parents=True, mode=0o700)
        try:
            with FileLock(kept.with_suffix(".lock")).acquire(cancel_check=stopped):
                copy_kept(kept, making / "git", branch, stopped=stopped)
            unlocked()
            base = Git(making / "git").tip(f"refs/heads/{branch}")
            made = AttemptRepository(folder=making / "git", tree=making / "tree", branch=branch, base=base)
            notes = fill_tree(made, stopped=stopped)
            settle_index(making / "git")
            told = {"branch": branch, "kind": _kind(), "base": base, "notes": notes}
            (making / SPARE_FILE).write_text(json.dumps(told))
            self.remove(self.root / kept.stem)
            making.rename(self.root / kept.stem)
        finally:
            remove_tree(making)
        return True

    def remove(self, place: Path) -> bool:
        """Takes a spare away, for who is not an attempt; returns whether it is gone."""
        gone = self.root / f"{REMOVED_PREFIX}{place.name}"
        try:
            remove_tree(gone)
            place.rename(gone)
        except FileNotFoundError:
            return True
        except OSError:
            return False
        return remove_tree(gone)

    def forget(self, place: Path) -> bool:
        """Takes a spare away and makes none before the next attempt."""
        place.with_name(f"{place.name}{NOTE_SUFFIX}").unlink(missing_ok=True)
        return self.remove(place)

    def used(self, place: Path) -> float:
        """When an attempt last worked on a spare's project, in seconds since 1970."""
        return _modified(place.with_name(f"{place.name}{NOTE_SUFFIX}"))

    def every(self) -> list[Path]:
        """The spares that there are."""
        return [place for place in self._places() if not place.name.startswith(".")]

    def _places(self) -> Iterator[Path]:
        yield from (path for path in sorted(self.root.iterdir()) if path.is_dir()) if self.root.is_dir() else ()

    def _wanted(self, keep_days: float) -> dict[Path, str]:
        """Kept clones with their branches, of the projects that were worked on last."""
        if not self.root.is_dir():
            return {}
        since = self.clock() - min(keep_days, SPARE_DAYS) * 86_400
        notes = sorted(self.root.glob(f"*{NOTE_SUFFIX}"), key=_modified, reverse=True)
        clones = {self.cache / f"{note.stem}.git": self._branch(note.stem) for note in notes if _modified(note) > since}
        found = [(kept, branch) for kept, branch in clones.items() if branch and kept.is_dir()]
        return dict(found[:MAX_SPARES])

    def _branch(self, name: str) -> str:
        return _text(self.root / f"{name}{NOTE_SUFFIX}", "branch")


def bring_along(
    kept: Path, repository: AttemptRepository, branch: str, spare: MadeTree, *, stopped: Callable[[], bool]
) -> tuple[str, ...] | None:
    """Makes a spare that was taken the repository, with what came to the branch meanwhile; returns what is not in it,
    though the project names it. None where its tree cannot follow: git would leave files as they are whose attributes
    alone have changed, and folders of submodules. Raises GitError, OSError.
    """
    changed: list[str] = []
    if spare.base != repository.base:
        ref = f"refs/heads/{branch}"
        words = ("fetch", "--quiet", "--update-head-ok", "--no-write-fetch-head", "--no-tags", "--")
        Git(repository.folder, env=ISOLATED_GIT_ENV).run(*words, str(kept), f"+{ref}:{ref}", stopped=stopped)
        told = repository.git.paths("diff-tree", "-r", "--raw", "--no-renames", "-z", spare.base, repository.base)
        modes = {mode for row in told[::2] for mode in row.removeprefix(":").split(" ")[:2]}
        changed = told[1::2]
        if SUBMODULE_MODE in modes or ".gitattributes" in {PurePosixPath(path).name for path in changed}:
            return None
    reset_git_folder(repository.folder, repository.branch)
    repository.go_on_from(spare.base, changed, stopped=stopped)
    return spare.notes if spare.base == repository.base else missing_parts(repository)


def drop_taken(folder: Path) -> None:
    """Takes away what was a spare, so that a workspace is made as if there had been none. Raises OSError."""
    for name in ("git", "tree"):
        if not remove_tree(folder / name):
            raise OSError(f"{folder / name} cannot be removed")


def tree_bytes(kept: Path, branch: str) -> int:
    """What a branch's files hold. Raises GitError."""
    out = Git(kept, env=ISOLATED_GIT_ENV).run("ls-tree", "-r", "-l", "-z", f"refs/heads/{branch}")
    sizes = (row.partition(b"\t")[0].split()[-1] for row in out.split(b"\0") if row)
    return sum(int(size) for size in sizes if size.isdigit())


def _usable(place: Path, branch: str) -> MadeTree | None:
    """A whole spare of that branch, made by this version since the machine started; else None."""
    try:
        told = read_json((place / SPARE_FILE).read_text(encoding="utf-8"))
        made = MadeTree(base=str(told["base"]), notes=tuple(map(str, told["notes"])))
        good = bool(branch and made.base) and (told["branch"], told["kind"]) == (branch, _kind())
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return made if good else None


def _kind() -> str:
    """A spare of another kind is made anew: git had other settings, or the machine has started since, and what was not
    flushed may be missing.
    """
    boot = BOOT_FILE.read_text(encoding="ascii") if BOOT_FILE.exists() else ""
    return hashlib.sha256(f"{GIT_CONFIG}{GIT_ATTRIBUTES}{boot}".encode()).hexdigest()


def _text(path: Path, name: str) -> str:
    try:
        return str(read_json(path.read_text(encoding="utf-8"))[name])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
