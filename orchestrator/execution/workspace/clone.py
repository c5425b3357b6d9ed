"""Where does an attempt at a project work?

It gets a fresh clone whose git folder lies *beside* the work tree, so that an agent that may write the tree cannot
write a hook or a setting; a `.git` file in the tree leads the agent's own git there, read-only. Objects come from a
clone kept per project, as hard links, which outlive whatever is later done to that clone.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from missions.mission import slug
from orchestrator.core.errors import Refused, WorkspaceFailed
from orchestrator.core.ports.agent import Project
from orchestrator.core.ports.model import Stop
from orchestrator.core.ports.sandbox import Sandbox
from orchestrator.execution.workspace.git_tree import AttemptRepository, CommittedWork, TreeSnapshot
from orchestrator.execution.workspace.isolated_git import ISOLATED_GIT_ENV
from orchestrator.execution.workspace.kept_clone import copy_kept, fill_tree
from orchestrator.execution.workspace.project_server import ProjectServer, without_password
from orchestrator.execution.workspace.project_trouble import lasting_trouble
from orchestrator.execution.workspace.spare import MIN_WAIT_SECONDS, Spares, bring_along, drop_taken
from sync.errors import GitError, GitTimeout
from sync.git import Git

MAX_DATED = 20
"""Files whose last change is looked for."""


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """One attempt's clone in `folder`: `tree` is the agent's, `git` ours. `base` is the commit that it started from,
    `shown` another one that its tree has, which is `shown_ref` there.
    """

    folder: Path
    server: ProjectServer
    branch: str
    base: str
    notes: tuple[str, ...] = ()
    """What is not in it, though the project names it."""
    shown: str = ""
    shown_ref: str = ""

    @property
    def tree(self) -> Path:
        """The work tree, where the agent may write."""
        return self.folder / "tree"

    @property
    def protected(self) -> tuple[Path, ...]:
        """What the agent may read but not write."""
        return (self.tree / ".git", self.folder / "git")

    @property
    def repository(self) -> AttemptRepository:
        """The clone as we use it."""
        return AttemptRepository(folder=self.folder / "git", tree=self.tree, branch=self.branch, base=self.base)

    def snapshot(self, *, leaves: tuple[str, ...] = ()) -> TreeSnapshot:
        """What was done so far; new files that match `leaves` are no part of it. Nothing may be running in the tree.

        Raises WorkspaceFailed.
        """
        try:
            return self.repository.snapshot(aside=self.folder / "embedded", leaves=leaves)
        except (GitError, OSError) as error:
            raise WorkspaceFailed(f"what was done in {self.tree} cannot be read: {error}") from error

    def restore(self, *, but: tuple[str, ...] | None = None) -> None:
        """Takes back what was done in the tree since the last snapshot. What the project ignores stays; if `but` is
        given, only what matches one of those globs. Raises WorkspaceFailed.
        """
        try:
            self.repository.restore(but=but)
        except (GitError, OSError) as error:
            raise WorkspaceFailed(f"{self.tree} cannot be put back to what was done there: {error}") from error

    def settle(self, seen: TreeSnapshot, *, node: str, title: str, trailers: Mapping[str, str]) -> CommittedWork:
        """Commits a snapshot as `node` and takes the diff. Raises WorkspaceFailed."""
        lines = "".join(f"{key}: {' '.join(value.split())}\n" for key, value in trailers.items() if value.strip())
        try:
            return self.repository.settle(seen, node=node, message=f"{title}\n\n{lines}")
        except (GitError, OSError) as error:
            raise WorkspaceFailed(f"what was done in {self.tree} cannot be read: {error}") from error

    def at(self, commit: str, source: Path, ref: str, *, stop: Stop) -> Workspace:
        """The workspace with another commit in its tree, which a repository of this node has as `ref`; what it started
        from is still its `base`. Raises WorkspaceFailed.
        """
        words = ("fetch", "--quiet", "--no-write-fetch-head", "--no-tags", "--no-recurse-submodules", "--")
        try:
            self.repository.git.run(*words, str(source), f"+{ref}:{ref}", stopped=stop.is_set)
            replace(self.repository, base=commit).check_out(stopped=stop.is_set)
        except (GitError, OSError) as error:
            why = "stopped" if stop.is_set() else str(error)
            raise WorkspaceFailed(f"{commit[:10]} cannot be checked out in {self.tree}: {why}") from error
        return replace(self, shown=commit, shown_ref=ref)

    def push(self, commit: str, *, stop: Stop) -> str | None:
        """Pushes `commit` as this attempt's branch. Returns why it could not, or None."""
        try:
            self.server.push(self.folder / "git", commit, self.branch, stopped=stop.is_set)
        except (GitError, Refused) as error:
            return without_password(f"the branch {self.branch} was not pushed: {error}")
        return None


@dataclass(frozen=True, kw_only=True)
class Workspaces:
    """Makes workspaces. `cache` keeps a clone per project; it may be deleted at any time.

    `sandbox` confines what a project's repository on this machine brings along; None: nothing does.
    """

    cache: Path
    sandbox: Sandbox | None = None
    min_wait: float = MIN_WAIT_SECONDS
    """From how many seconds for its tree on a project's next workspace is made ahead."""

    def server(self, project: Project) -> ProjectServer:
        """Where a project's branches are."""
        return ProjectServer(project=project, sandbox=self.sandbox)

    def open(self, project: Project, *, mission: str, attempt: int, folder: Path, stop: Stop) -> Workspace:
        """A fresh clone of the project's default branch as its server has it now. Raises WorkspaceFailed."""
        kept, server = self._kept(project), self.server(project)
        branch = f"shiftbook/{mission}/{attempt}"
        try:
            kept.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(kept.with_suffix(".lock")).acquire(cancel_check=stop.is_set):
                base = _fetch(kept, server, stop)
                began, waited = time.monotonic(), None
                workspace = Workspace(folder=folder, server=server, branch=branch, base=base)
                notes = self._take_spare(kept, workspace.repository, project.branch, stop)
                if notes is None:
                    copy_kept(kept, folder / "git", project.branch, stopped=stop.is_set)
            if notes is None:
                notes = fill_tree(workspace.repository, stopped=stop.is_set)
                waited = time.monotonic() - began
            self.spares.note(kept, folder, project.branch, waited=waited)
        except (GitError, OSError, Timeout) as error:
            lasting = "" if stop.is_set() else lasting_trouble(project, error)
            why = "stopped" if stop.is_set() else f"{lasting}; {error}" if lasting else str(error)
            where = f"project {project.name} ({project.branch} of {project.url})"
            failed = without_password(f"no workspace for {where}: {why}")
            raise WorkspaceFailed(failed, lasting=bool(lasting)) from error
        return replace(workspace, notes=notes)

    def files(self, project: Project, stop: Stop, *, clone: bool) -> frozenset[str]:
        """The paths of the project's default branch; none where its server does not answer, or, without `clone`,
        where no earlier attempt has left a clone here.
        """
        kept = self._kept(project)
        if not clone and not kept.exists():
            return frozenset()
        try:
            kept.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(kept.with_suffix(".lock")).acquire(cancel_check=stop.is_set):
                tip = _fetch(kept, self.server(project), stop)
                out = Git(kept).run("ls-tree", "-r", "-z", "--name-only", tip)
        except (GitError, OSError, Timeout):
            return frozenset()
        return frozenset(out.decode("utf-8", "replace").split("\0")) - {""}

    def changed_at(self, project: Project, wanted: Callable[[str], bool], stop: Stop) -> dict[str, datetime]:
        """When each file that is wanted was changed last, on the default branch as it was fetched last (UTC).

        Empty where no earlier attempt has left a clone here. Fetches nothing, and looks at MAX_DATED files.
        """
        kept, found, git = self._kept(project), dict[str, datetime](), Git(self._kept(project), env=ISOLATED_GIT_ENV)
        if not kept.exists():
            return found
        ref = f"refs/heads/{project.branch}"
        try:
            tree = git.run("ls-tree", "-r", "-z", "--name-only", ref, stopped=stop.is_set)
            paths = [path for path in tree.decode("utf-8", "replace").split("\0") if path and wanted(path)]
            for path in paths[:MAX_DATED]:
                told = git.run("log", "-1", "--format=%ct", ref, "--", f":(literal){path}", stopped=stop.is_set)
                if told.strip():
                    found[path] = datetime.fromtimestamp(int(told), UTC)
        except (GitError, GitTimeout, OSError):
            return {}
        return found

    @property
    def spares(self) -> Spares:
        """The workspaces that stand ready."""
        return Spares(cache=self.cache, min_wait=self.min_wait)

    def _take_spare(self, kept: Path, repository: AttemptRepository, branch: str, stop: Stop) -> tuple[str, ...] | None:
        """Makes the project's spare the repository; returns what is not in it, though the project names it. None where
        none is there that can be it.
        """
        folder = repository.folder.parent
        taken = self.spares.take(kept, folder, branch)
        with suppress(GitError, OSError):  # it is made anew, and git says what is wrong with the clone, if that is it
            notes = bring_along(kept, repository, branch, taken, stopped=stop.is_set) if taken else None
            if notes is not None:
                return notes
        drop_taken(folder)
        return None

    def _kept(self, project: Project) -> Path:
        return self.cache / f"{slug(project.name)}-{hashlib.sha256(project.url.encode()).hexdigest()[:12]}.git"


def _fetch(kept: Path, server: ProjectServer, stop: Stop) -> str:
    """Brings the project's kept clone up to date; returns the tip of the default branch."""
    if (kept / "HEAD").exists():
        os.utime(kept)  # it is in use, which a clean-up asks
    else:
        Git(kept.parent).run("init", "--quiet", "--bare", "--template=", "--", str(kept), env=ISOLATED_GIT_ENV)
    ref = f"refs/heads/{server.project.branch}"
    server.fetch(kept, f"+{ref}:{ref}", stopped=stop.is_set)
    return Git(kept).tip(ref)
