"""How does the clone that is kept of a project become a work tree beside a git folder of its own?"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from pathlib import Path

from orchestrator.execution.workspace.git_tree import AttemptRepository
from orchestrator.execution.workspace.isolated_git import ISOLATED_GIT_ENV, reset_git_folder
from orchestrator.execution.workspace.staging import format_paths
from sync.git import Git

CLONE_TIMEOUT_SECONDS = 1800.0
TICK_SECONDS = 0.01
"""By so much a file's time may lie behind the clock: Linux takes that of its last tick, of which a second has 100 or
more."""


def copy_kept(kept: Path, folder: Path, branch: str, *, stopped: Callable[[], bool]) -> None:
    """A git folder with the kept clone's objects as hard links. Raises GitError."""
    words = ("clone", "--quiet", "--bare", "--local", "--template=", "--single-branch", "--branch", branch, "--")
    Git(kept.parent).run(
        *words, str(kept), str(folder), timeout=CLONE_TIMEOUT_SECONDS, env=ISOLATED_GIT_ENV, stopped=stopped
    )


def fill_tree(repository: AttemptRepository, *, stopped: Callable[[], bool]) -> tuple[str, ...]:
    """Starts the branch and fills the tree. No submodule is initialised, no filter runs. Returns what is not in it,
    though the project names it. Raises GitError, OSError.
    """
    reset_git_folder(repository.folder, repository.branch)
    repository.tree.mkdir(exist_ok=True)
    repository.check_out(stopped=stopped)
    (repository.tree / ".git").write_text("gitdir: ../git\n")
    return missing_parts(repository)


def missing_parts(repository: AttemptRepository) -> tuple[str, ...]:
    """What the project names and the workspace has not, in words. Raises GitError."""
    submodules, pointers = repository.missing_parts()
    found = (
        (submodules, "submodules are not fetched: their folders are empty"),
        (pointers, "files are in Git LFS and not fetched: they are pointers here"),
    )
    return tuple(f"{words} ({format_paths(paths)})" for paths, words in found if paths)


def settle_index(folder: Path) -> None:
    """Makes the index of a git folder younger than every file that was checked out, where nobody has written to the
    tree since; waits up to a second for that. Raises OSError.

    git compares whole seconds, and reads each file again that was written in the second of its index
    (https://git-scm.com/docs/racy-git): of a large tree as much as is written in a second, by whoever looks first.
    """
    index = folder / "index"
    over = math.floor(index.stat().st_mtime) + 1
    left = over + 2 * TICK_SECONDS - time.time()
    time.sleep(min(1.0 + 2 * TICK_SECONDS, max(0.0, left)))
    if time.time() >= over + TICK_SECONDS:  # else the clock was put back, and git reads them
        os.utime(index, (over, over))
