"""A mirror, this machine's private clone of a ledger: how is it seeded from a clone just made, and not fetched?

Objects never change, so both clones may be the same files: they are linked, or copied where the disk is another one.
Whoever deletes one clone, or has git pack it anew, takes nothing from the other.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from sync import files
from sync.errors import GitError
from sync.git import Git, GitStore
from sync.refs.clone_origin import SEEN_PREFIX

UNFINISHED = ".shiftbook-seed"
"""What a private clone's name ends with until it is whole."""
BORROWED = ("info/alternates", "info/commit-graph", "info/commit-graphs")
"""What of a clone's objects folder is its own: objects that lie elsewhere, and what is written for its refs."""


def seed_mirror(clone: Path, mirror: Path, branch: str) -> bool:
    """Makes the bare clone `mirror` from the clone in `clone`, which has fetched `branch` from its origin; returns
    whether it did. It does not where there is one, and where the clone has not all of its objects itself."""
    objects, tip = clone / ".git" / "objects", f"refs/remotes/origin/{branch}"
    if mirror.exists() or not objects.is_dir() or (objects / BORROWED[0]).exists():
        return False
    there = Git(clone).refs(tip)
    promised = Git(clone).text("config", "--get", "remote.origin.promisor", codes=(0, 1))
    if tip not in there or promised or (clone / ".git" / "shallow").exists():
        return False
    beside = mirror.with_name(mirror.name + UNFINISHED)
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    try:
        _make(objects, beside, f"{SEEN_PREFIX}heads/{branch}", there[tip])
        files.move_into_place(beside, mirror)
    except (OSError, GitError):
        shutil.rmtree(beside, ignore_errors=True)
        return False  # the first fetch brings it, as it would have
    return True


def _make(objects: Path, beside: Path, ref: str, tip: str) -> None:
    git = Git(beside)
    git.run("init", "--quiet", "--bare", ".")
    shutil.copytree(objects, beside / "objects", copy_function=_linked, ignore=_own, dirs_exist_ok=True)
    git.run("update-ref", ref, tip)
    store = GitStore(beside)
    try:
        store.tidy()
    finally:
        store.close()


def _own(folder: str, names: list[str]) -> list[str]:
    own = (name for name in names if f"{Path(folder).name}/{name}" in BORROWED)
    return [*own, *(name for name in names if name.endswith(".lock") or name.startswith("tmp_"))]  # git at work there


def _linked(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
        with Path(target).open("rb") as copied:
            os.fsync(copied.fileno())  # as git does: the refs that name it are
