"""The inspection of a repository: what should a person know of it before the fleet works on it?

Looked at with git's settings and refs only, with hooks off; nothing of it is run or changed.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from orchestrator.workflow.projects.toolchain import MAX_FILE_BYTES, RepositoryFiles, folder_files, tree_names
from sync.git import Git

UPDATE_INSTEAD = "updateInstead"


@dataclass(frozen=True, kw_only=True)
class RepositoryFacts:
    """A repository on this machine. `dirty` counts files of its work tree that are not committed.

    `own` says that missions push into this very folder, because it has no `origin`. `deny` is the value of its
    setting receive.denyCurrentBranch.
    """

    folder: str
    branch: str = "main"
    bare: bool = False
    checked_out: str = ""
    own: bool = True
    dirty: int = 0
    deny: str = ""
    lfs: bool = False
    submodules: bool = False
    shallow: bool = False

    @property
    def trapped(self) -> bool:
        """Whether git refuses a merge into the default branch, because a work tree has it checked out."""
        lenient = self.deny.casefold() in {UPDATE_INSTEAD.casefold(), "ignore", "warn", "false", "no", "off", "0"}
        return self.own and not self.bare and self.checked_out == self.branch and not lenient

    @property
    def kind(self) -> str:
        """What it is, in words."""
        if self.bare:
            return "a bare repository"
        way = "a work tree without a remote" if self.own else "a clone, worked on by its origin"
        return f"{way}, {self.checked_out or 'no branch'} checked out"


def read_facts(folder: Path, *, url: str, branch: str) -> RepositoryFacts:
    """The facts of a repository on this machine. Raises GitError."""
    git = Git(folder)
    bare = git.text("rev-parse", "--is-bare-repository") == "true"
    files = repository_files(folder, branch)
    return RepositoryFacts(
        folder=str(folder),
        branch=branch,
        bare=bare,
        checked_out=git.text("symbolic-ref", "--quiet", "--short", "HEAD", codes=(0, 1, 128)),
        own=url == str(folder),
        dirty=0 if bare else len(_changed_files(git)),
        deny=git.text("config", "--get", "receive.denyCurrentBranch", codes=(0, 1)),
        lfs="filter=lfs" in files.read(".gitattributes"),
        submodules=".gitmodules" in files.names,
        shallow=git.text("rev-parse", "--is-shallow-repository") == "true",
    )


def repository_files(folder: Path, branch: str) -> RepositoryFiles:
    """The files of a folder's work tree; of a bare repository those of its default branch."""
    git = Git(folder)
    if git.text("rev-parse", "--is-bare-repository") != "true":
        return folder_files(folder)
    paths = set(git.text("ls-tree", "-r", "-z", "--name-only", branch).split("\0"))

    def read(name: str) -> str:
        if name not in paths or int(git.text("cat-file", "-s", f"{branch}:{name}")) > MAX_FILE_BYTES:
            return ""
        return git.run("cat-file", "blob", f"{branch}:{name}").decode("utf-8", "replace")

    return RepositoryFiles(names=tree_names(paths), read=read)


def remarks(facts: RepositoryFacts) -> Iterator[str]:
    """What is worth knowing, a line each, with what to do."""
    if facts.trapped:
        yield (
            f"{facts.branch} is checked out in {facts.folder}, so git refuses a merge that is pushed there:"
            " --update-instead has git bring the work tree along while it is clean;"
            f" else merge yourself: {merge_command(facts.folder)}"
        )
    if facts.trapped and facts.dirty:
        yield f"{facts.dirty} files there are changed and not committed: nothing is merged until they are"
    if not facts.own and facts.dirty:
        yield f"{facts.dirty} files of the clone are not committed: agents see what its origin has, and not these"
    if facts.lfs:
        yield "files in Git LFS are not fetched: agents and tests see pointers"
    if facts.submodules:
        yield "submodules are not fetched: their folders are empty for agents and tests"
    if facts.shallow:
        yield f"it is a shallow clone, without older history: `git -C {shlex.quote(facts.folder)} fetch --unshallow`"


def allow_update_instead(folder: str) -> None:
    """Lets pushes into a work tree's own branch bring the tree along. Only on its owner's word. Raises GitError."""
    Git(Path(folder)).config({"receive.denyCurrentBranch": UPDATE_INSTEAD})


def merge_command(folder: str, branch: str = "shiftbook/MISSION/1") -> str:
    """What a person types to merge a result into the branch that is checked out in a folder."""
    return f"git -C {shlex.quote(folder)} merge {branch}"


def _changed_files(git: Git) -> set[str]:
    """Files that are not as they were committed, by the index alone: `git status` may run a repository's filters."""
    names = git.text("diff-files", "--name-only", "-z") + "\0"
    names += git.text("diff-index", "--cached", "--name-only", "-z", "HEAD", "--", codes=(0, 128))
    return {name for name in names.split("\0") if name}
