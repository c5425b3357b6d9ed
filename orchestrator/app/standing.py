"""For which fleet is a command meant? For the one in whose clone a person stands, as git takes the repository there.

SHIFTBOOK_LEDGER in the environment comes first; what the home's `.env` says is for everywhere else, and for the node.
"""

from __future__ import annotations

import os
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.app.identity import set_identity
from orchestrator.core.settings import variable
from sync.errors import GitError
from sync.git import Git
from sync.process.git_environment import bearer_environment
from sync.remote import Oid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.core.settings import Settings

BRANCH_KEY = "shiftbook.branch"
"""Where a clone says which of its branches is the ledger's."""
FETCH_SECONDS = 30.0
"""Seconds that bringing a clone up to date may take."""


@dataclass
class Standing:
    """A clone of a ledger in which somebody stands, and the settings with which a command there works."""

    clone: Path
    settings: Settings
    own: bool
    """Whether it is the fleet for which this machine's node works."""
    moved: bool = False
    """Whether this process has moved the ledger's branch."""


_standing: ContextVar[Standing | None] = ContextVar("standing", default=None)


def stand(settings: Settings, folder: Path, environ: Mapping[str, str] = os.environ) -> Standing | None:
    """Where a person stands who is in `folder`; None where that is no clone of a ledger, or of another than the one
    that the environment names.

    Kept, so that `branch_moved` can note what this process does to the ledger's branch.
    """
    found = _find(settings, folder)
    if found is not None and not found.own and environ.get(variable("ledger")):
        found = None
    _standing.set(found)
    return found


def branch_moved(commit: Oid) -> None:
    """The ledger's branch was moved to this commit."""
    here = _standing.get()
    if here is not None:
        here.moved = True


def _find(settings: Settings, folder: Path) -> Standing | None:
    clone = next((each for each in (folder, *folder.parents) if (each / ".git").exists()), None)
    if clone is None or not (clone / "fleet.toml").is_file():
        return None
    git = Git(clone)
    origin = git.text("config", "--get", "remote.origin.url", codes=(0, 1, 128))
    if not origin:
        return None
    if ":" not in origin:
        origin = os.path.normpath(clone / origin)  # git reads a relative path from the clone's top folder
    if _plain(origin) == _plain(settings.ledger):
        return Standing(clone=clone, settings=settings, own=True)
    branch = git.text("config", "--get", BRANCH_KEY, codes=(0, 1)) or "main"
    return Standing(clone=clone, settings=settings.at(origin, branch), own=False)


def _plain(url: str) -> str:
    return url.removeprefix("file://").rstrip("/").removesuffix(".git")


def follow(here: Standing) -> str:
    """Brings the clone up to date where nothing is in the way. Returns what the person has to do, in words, or nothing.

    Never changes a file that they have changed, nor a branch that they have not checked out.
    """
    branch, token = here.settings.branch, here.settings.git_token.get_secret_value()
    git = Git(here.clone, env=bearer_environment(here.settings.ledger, token))
    try:
        set_identity(git)
        git.run("fetch", "--quiet", "--no-tags", "origin", branch, timeout=FETCH_SECONDS)
        counted = git.text("rev-list", "--left-right", "--count", f"refs/heads/{branch}...refs/remotes/origin/{branch}")
        ahead, behind = map(int, counted.split())
        clean = not git.text("status", "--porcelain", "--untracked-files=no")
        if not behind or (not ahead and clean and _forward(git, branch)):
            return ""
    except (GitError, OSError):
        return ""  # a clone that is set up otherwise, or no way to the server: the command itself has done its work
    return f"your clone {here.clone} is {behind} behind: git pull"


def _forward(git: Git, branch: str) -> bool:
    """Whether the branch, which is checked out, could be moved to what the remote has."""
    if git.text("symbolic-ref", "--quiet", "HEAD", codes=(0, 1)) != f"refs/heads/{branch}":
        return False
    return git.call("merge", "--quiet", "--ff-only", f"refs/remotes/origin/{branch}", codes=(0, 1, 2, 128))[0] == 0
