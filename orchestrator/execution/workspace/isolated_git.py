"""How is git called on a tree that somebody else has written? With no settings but ours, and nothing that could run."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sync.git import Git

GIT_TIMEOUT_SECONDS = 600.0
ISOLATED_GIT_ENV = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_ATTR_NOSYSTEM": "1",
    # Without these two git looks into ~/.config/git, whatever GIT_CONFIG_GLOBAL says (gitignore(5), gitattributes(5)).
    "GIT_CONFIG_COUNT": "2",
    "GIT_CONFIG_KEY_0": "core.excludesFile",
    "GIT_CONFIG_VALUE_0": os.devnull,
    "GIT_CONFIG_KEY_1": "core.attributesFile",
    "GIT_CONFIG_VALUE_1": os.devnull,
}
"""No settings but ours: a person's `filter.lfs.process` would run on what a hostile repository says, and what a person
ignores on one machine would be missing from the work of that node alone."""

GIT_CONFIG = f"""[core]
\trepositoryFormatVersion = 0
\tbare = false
\tworktree = ../tree
\tautocrlf = false
\tquotePath = false
\texcludesFile = {os.devnull}
\tattributesFile = {os.devnull}
"""
GIT_ATTRIBUTES = "* !filter !diff !merge\n"
"""Stands above the tree's own .gitattributes: nothing is filtered, and no change can hide as `-diff`."""


@dataclass(frozen=True, kw_only=True)
class IsolatedGit:
    """git on a git folder and a tree beside it. `env` is added to every call's environment."""

    folder: Path
    tree: Path
    env: Mapping[str, str] = field(default_factory=dict)

    def run(
        self,
        *args: str,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        stopped: Callable[[], bool] | None = None,
    ) -> bytes:
        """Standard output of one command. Raises GitError."""
        return self.call(*args, stdin=stdin, env=env, codes=(0,), stopped=stopped)[1]

    def call(
        self,
        *args: str,
        stdin: bytes = b"",
        env: Mapping[str, str] | None = None,
        codes: Sequence[int] = (0, 1),
        stopped: Callable[[], bool] | None = None,
    ) -> tuple[int, bytes, str]:
        """Exit code, standard output and standard error. Raises GitError for a code not in `codes`."""
        settings = {**ISOLATED_GIT_ENV, **self.env, **(env or {})}
        return Git(self.tree).call(
            *self._where, *args, stdin=stdin, timeout=GIT_TIMEOUT_SECONDS, codes=codes, env=settings, stopped=stopped
        )

    def beginning(self, *args: str, roof: int, stopped: Callable[[], bool] | None = None) -> bytes:
        """At most `roof` bytes of standard output; a command with more to say is ended. Raises GitError."""
        env = {**ISOLATED_GIT_ENV, **self.env}
        git = Git(self.tree)
        return git.beginning(*self._where, *args, roof=roof, timeout=GIT_TIMEOUT_SECONDS, env=env, stopped=stopped)[0]

    @property
    def _where(self) -> tuple[str, str]:
        return (f"--git-dir={self.folder}", f"--work-tree={self.tree}")

    def text(self, *args: str) -> str:
        """Standard output as stripped text. Raises GitError."""
        return self.run(*args).decode("utf-8", "replace").strip()

    def paths(self, *args: str, stdin: bytes = b"") -> list[str]:
        """The paths that a command prints with `-z`, as this machine's file functions take them. Raises GitError."""
        return [os.fsdecode(path) for path in self.run(*args, stdin=stdin).split(b"\0") if path]


def reset_git_folder(folder: Path, branch: str, leaves: Sequence[str] = ()) -> None:
    """Writes a git folder's settings, attributes and HEAD anew and removes all else that could run or mislead.

    New files that match `leaves` are ignored, besides what the project ignores.
    """
    for name in ("hooks", "info", "worktrees", "modules"):
        shutil.rmtree(folder / name, ignore_errors=True)
    for name in ("config", "config.worktree", "commondir", "gitdir", "HEAD", "index.lock", "objects/info/alternates"):
        (folder / name).unlink(missing_ok=True)
    (folder / "info").mkdir()
    (folder / "info" / "attributes").write_text(GIT_ATTRIBUTES)
    (folder / "info" / "exclude").write_text("".join(f"{glob}\n" for glob in leaves))
    (folder / "config").write_text(GIT_CONFIG)
    (folder / "HEAD").write_text(f"ref: refs/heads/{branch}\n")
