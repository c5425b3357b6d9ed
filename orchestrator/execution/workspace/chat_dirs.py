"""Which chats' workspaces hold nothing that anybody could miss?

One whose conversation was deleted, an empty one, or a clone in which nothing was changed. A turn may come at any moment
from another process, so a workspace is moved aside, looked at again there, and only then removed.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from orchestrator.execution.workspace.git_tree import embedded_git_folders
from orchestrator.execution.workspace.isolated_git import ISOLATED_GIT_ENV, reset_git_folder
from orchestrator.execution.workspace.tree_walk import remove_tree
from sync.errors import GitError
from sync.git import Git

ASIDE_PREFIX, REMOVED_PREFIX = ".aside-", ".gone-"
"""How the name of a workspace begins that is looked at before it goes, and of one that goes."""


@dataclass(frozen=True)
class ChatDirs:
    """The workspaces of chats below `root`. `known` says whether a conversation is still there."""

    root: Path
    known: Callable[[str], bool]

    def idle(self) -> Iterator[Path]:
        """Those with nothing in them that is not elsewhere."""
        for path in self.root.glob(f"{REMOVED_PREFIX}*"):
            remove_tree(path)
        for path in self.root.glob(f"{ASIDE_PREFIX}*"):
            self._settle(path, path.name.removeprefix(ASIDE_PREFIX))
        for path in sorted(self.root.iterdir()) if self.root.is_dir() else ():
            ours = path.name.startswith((ASIDE_PREFIX, REMOVED_PREFIX))
            if path.is_dir() and not path.is_symlink() and not ours and self._is_disposable(path, path.name):
                yield path

    def used(self, path: Path) -> datetime:
        """When something was last done in one, as far as its folders tell."""
        places = (path, path / "tree", path / "git", path / "git" / "index", path / "git" / "HEAD")
        return datetime.fromtimestamp(max(place.stat().st_mtime for place in places if place.exists()), UTC)

    def remove(self, path: Path) -> bool:
        """Takes one away; puts it back if something was done in it meanwhile."""
        aside = self.root / f"{ASIDE_PREFIX}{path.name}"
        try:
            path.rename(aside)
        except OSError:
            return False
        return self._settle(aside, path.name)

    def _settle(self, aside: Path, conversation: str) -> bool:
        """Removes what was moved aside, or puts it back; if its place is taken by then, it stays where it is."""
        if not self._is_disposable(aside, conversation):
            with suppress(OSError):
                aside.rename(self.root / conversation)
            return False
        gone = self.root / f"{REMOVED_PREFIX}{uuid.uuid4().hex}"
        aside.rename(gone)
        return remove_tree(gone)

    def _is_disposable(self, path: Path, conversation: str) -> bool:
        if not self.known(conversation):
            return True
        if not (path / "git").exists():
            return not any((path / "tree").iterdir()) if (path / "tree").is_dir() else False
        try:
            return _unchanged(path, f"shiftbook/chat-{conversation}/1")
        except (GitError, OSError):
            return False  # nobody can tell: it stays


def _unchanged(path: Path, branch: str) -> bool:
    """Whether a clone's tree is its branch's, and the branch has no commit that its server has not."""
    if any(embedded_git_folders(path / "tree")):
        return False  # git would ask each with its own settings, and run what they name
    reset_git_folder(path / "git", branch)  # no setting that a chat's command left runs here
    git, where = Git(path / "tree"), (f"--git-dir={path / 'git'}", f"--work-tree={path / 'tree'}")
    dirty = git.run(
        *where,
        "status",
        "--porcelain",
        "-z",
        "--untracked-files=all",
        "--ignore-submodules=dirty",
        env=ISOLATED_GIT_ENV,
    )
    if dirty.replace(b"?? .git\0", b""):
        return False
    others = (f"--exclude={branch}", "--branches")
    ahead = git.run(*where, "rev-list", "--count", f"refs/heads/{branch}", "--not", *others, env=ISOLATED_GIT_ENV)
    return ahead.strip() == b"0"
