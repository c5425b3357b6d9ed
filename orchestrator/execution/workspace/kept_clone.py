"""How does the clone that is kept of a project become a work tree beside a git folder of its own?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from orchestrator.execution.workspace.git_tree import AttemptRepository
from orchestrator.execution.workspace.isolated_git import ISOLATED_GIT_ENV, reset_git_folder
from sync.git import Git

CLONE_TIMEOUT_SECONDS = 1800.0


def copy_kept(kept: Path, folder: Path, branch: str, *, stopped: Callable[[], bool]) -> None:
    """A git folder with the kept clone's objects as hard links. Raises GitError."""
    words = ("clone", "--quiet", "--bare", "--local", "--template=", "--single-branch", "--branch", branch, "--")
    Git(kept.parent).run(
        *words, str(kept), str(folder), timeout=CLONE_TIMEOUT_SECONDS, env=ISOLATED_GIT_ENV, stopped=stopped
    )


def fill_tree(repository: AttemptRepository, *, stopped: Callable[[], bool]) -> None:
    """Starts the branch and fills the tree, or makes one that is there what it is to be. No submodule is initialised,
    no filter runs. Raises GitError, OSError.
    """
    reset_git_folder(repository.folder, repository.branch)
    repository.tree.mkdir(exist_ok=True)
    repository.check_out(stopped=stopped)
    (repository.tree / ".git").write_text("gitdir: ../git\n")
