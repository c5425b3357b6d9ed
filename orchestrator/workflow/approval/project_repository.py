"""What is really on a project's branch, and how does it get into the default branch?

A bare clone of our own per project, with no settings but ours: nothing is checked out, no hook, filter or merge driver
runs. A push says what it expects, so two that merge at once cannot both win, and nothing is ever forced.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from handoff.secrets.excerpts import redacted_line
from missions.approval import ChangeFacts
from missions.mission import slug
from orchestrator.core.errors import Refused, WorkspaceFailed
from orchestrator.core.ports.agent import Project
from orchestrator.execution.workspace.git_tree import DIFF_TREE_COMMAND, count_changes
from orchestrator.execution.workspace.isolated_git import ISOLATED_GIT_ENV
from orchestrator.execution.workspace.project_server import ProjectServer, without_password
from orchestrator.workflow.approval.delivery_words import is_unanswered, merge_line, push_refusal
from orchestrator.workflow.approval.exact_change import exact_changes
from sync.errors import GitError
from sync.git import Git

FETCH_SILENCE_SECONDS, GIT_TIMEOUT_SECONDS, LOCK_TIMEOUT_SECONDS = 600.0, 600.0, 120.0
MAX_MERGE_ATTEMPTS = 5
"""How often a merge is made anew because somebody else pushed to the default branch."""
MAX_LANDED = 200
DEFAULT_REF, BRANCH_REF, PULL_REF = "refs/shiftbook/default", "refs/shiftbook/branch", "refs/shiftbook/pull"
CANDIDATES = "refs/shiftbook/candidate/"
"""What a merge queue tests, each as a ref of its own, so that a workspace can fetch it."""
SUBMODULE_ROW = re.compile(rb"(?:^|\0):(?:160000 \d{6}|\d{6} 160000) \S+ \S+ [A-Z]\d*\0([^\0]*)")


def pull_branch(mission: str) -> str:
    """The branch of a mission's pull request, which is the one that a push would have, too."""
    return f"approved/{mission}"


def candidate_ref(commit: str) -> str:
    """Where a commit stands that a merge queue tests."""
    return f"{CANDIDATES}{commit}"


@dataclass(frozen=True, kw_only=True)
class DeliveryOrder:
    """What is to be done with an approved branch. `commit` is what was looked at; `by` is who decided."""

    mission: str
    title: str
    project: Project
    branch: str
    commit: str
    by: str
    node: str
    """Who carries it out, and commits the merge."""


@dataclass(frozen=True, kw_only=True)
class ProjectRepository:
    """One project's repository, as approvals see it."""

    server: ProjectServer
    folder: Path

    @property
    def project(self) -> Project:
        """The project."""
        return self.server.project

    @classmethod
    @contextmanager
    def open(cls, cache: Path, server: ProjectServer) -> Iterator[ProjectRepository]:
        """The clone, up to date with the project's default branch, for one process at a time.

        Raises WorkspaceFailed where the project's server does not answer.
        """
        project = server.project
        name = f"{slug(project.name)}-{hashlib.sha256(project.url.encode()).hexdigest()[:12]}.approval.git"
        folder = cache / name
        try:
            cache.mkdir(parents=True, exist_ok=True)
            with FileLock(folder.with_suffix(".lock")).acquire(timeout=LOCK_TIMEOUT_SECONDS):
                Git(cache).run("init", "--quiet", "--bare", "--template=", "--", str(folder), env=ISOLATED_GIT_ENV)
                made = cls(server=server, folder=folder)
                made.fetch(project.branch, DEFAULT_REF)
                yield made
        except (GitError, OSError, Timeout) as error:
            raise WorkspaceFailed(_clean_git_output(f"project {project.name}: {error}")) from error

    def fetch(self, branch: str, to: str) -> str:
        """Brings one of the project's branches; returns its commit. Raises GitError."""
        self.server.fetch(self.folder, f"+refs/heads/{branch}:{to}", "--no-tags", silence=FETCH_SILENCE_SECONDS)
        return Git(self.folder).tip(to)

    def reviewed(self, branch: str, commit: str) -> None:
        """Makes sure that a branch still is the commit that was looked at. Raises Refused, and GitError."""
        there = self.server.tip(self.folder, branch)
        if not there:
            raise Refused(f"the branch {branch} is not on the project's server any more")
        if there != commit:
            raise Refused(f"the branch {branch} was moved after it was looked at: it is {there[:10]} now")
        self.fetch(branch, BRANCH_REF)

    def merged(self, commit: str) -> str:
        """The commit of the default branch that brought this one in; empty while none has."""
        if self._call("merge-base", "--is-ancestor", commit, DEFAULT_REF)[0] != 0:
            return ""
        way = self._text("rev-list", "--first-parent", "--ancestry-path", f"{commit}..{DEFAULT_REF}").split()
        return way[-1] if way else commit

    def landed(self, commit: str) -> str:
        """The same, or the commit of the default branch that brings just what this one does: a squash or a rebase.

        Looked for among the newest MAX_LANDED of those that this one does not have.
        """
        found = self.merged(commit)
        base = self._call("merge-base", DEFAULT_REF, commit)[1].decode().strip()
        if found or not base:
            return found
        own = exact_changes(self._run(*DIFF_TREE_COMMAND, "-p", "--full-index", base, commit))
        way = ("log", "-p", "--full-index", "--no-ext-diff", "--no-textconv", "--no-renames", f"-{MAX_LANDED}")
        theirs = self._run(*way, "--first-parent", "--format=commit %H", f"{base}..{DEFAULT_REF}")
        return next((oid for change, oid in exact_changes(theirs).items() if change in own), "")

    def take_shown(self, ref: str) -> str:
        """Brings a ref under which the server shows a pull request; returns its commit, "" where it shows none."""
        there = self.server.tips(self.folder, ref).get(ref, "")
        if there:
            self.server.fetch(self.folder, f"+{ref}:{PULL_REF}", "--no-tags", silence=FETCH_SILENCE_SECONDS)
        return there

    def measured(self, base: str, commit: str) -> ChangeFacts:
        """What a branch changes against the default branch. Raises Refused where it does not start at `base`."""
        start = self._call("merge-base", DEFAULT_REF, commit)[1].decode().strip()
        if start != base:
            why = "as its node said, unless the default branch was rewritten since"
            raise Refused(f"the branch does not start at {base[:10]} of the default branch, {why}: have it done again")
        table = self._run(*DIFF_TREE_COMMAND, "--raw", "--numstat", "-M", "-z", "--abbrev=40", base, commit)
        changes = count_changes(table)
        names = self._run(*DIFF_TREE_COMMAND, "--no-renames", "--name-only", "-z", base, commit).split(b"\0")
        others = tuple(name.decode("utf-8", "replace") for name in SUBMODULE_ROW.findall(table))
        return ChangeFacts(
            files=tuple(name.decode("utf-8", "replace") for name in names if name),
            added=changes.added,
            removed=changes.removed,
            binaries=changes.binaries,
            modes=changes.modes,
            executables=changes.executables,
            links=tuple(dict.fromkeys((*changes.links, *others))),
            commit=commit,
            base=base,
        )

    def patch(self, base: str, commit: str) -> str:
        """The branch's diff as text, as an attempt takes it."""
        return self._run(*DIFF_TREE_COMMAND, "-p", "-M", "--binary", "--full-index", base, commit).decode(
            "utf-8", "replace"
        )

    def produces(self, base: str, patch: str, commit: str) -> bool:
        """Whether a diff, put onto `base`, gives exactly the files of `commit`, however it is written."""
        made = self._applied(base, patch)
        return made != "" and made == self._text("rev-parse", f"{commit}^{{tree}}")

    def _applied(self, base: str, patch: str) -> str:
        """The tree that a diff makes of `base`; "" where it does not fit."""
        index = self.folder / "approval.index"
        env = {"GIT_INDEX_FILE": str(index)}
        try:
            if self._call("read-tree", base, env=env)[0] != 0:
                return ""
            data = patch.encode("utf-8", "surrogateescape")
            if self._call("apply", "--cached", "--binary", "--whitespace=nowarn", "-", stdin=data, env=env)[0] != 0:
                return ""
            return self._run("write-tree", env=env).decode().strip()
        finally:
            index.unlink(missing_ok=True)

    def commit_patch(self, base: str, patch: str, *, who: str, when: datetime, text: str) -> str:
        """A commit of what a diff makes of `base`, the same for the same words; "" where it does not fit."""
        tree = self._applied(base, patch)
        if not tree:
            return ""
        return self._committed(tree, (base,), text, who, DATE=f"{int(when.timestamp())} +0000")

    def take_in(self, folder: Path, branch: str) -> str:
        """Brings a branch of a repository that this node has kept; returns its commit, "" where it is not there."""
        words = ("fetch", "--quiet", "--no-write-fetch-head", "--no-tags", "--no-recurse-submodules", "--")
        found = self._call(*words, str(folder), f"+refs/heads/{branch}:{BRANCH_REF}")[0]
        return "" if found else Git(self.folder).tip(BRANCH_REF)

    def remove(self, branch: str, commit: str) -> str:
        """Takes a branch away that still is this commit. Returns why it was not; "" where it is gone."""
        return "" if not self.server.tip(self.folder, branch) else self._push("", branch, expect=commit)

    def push_new(self, commit: str, branch: str) -> str:
        """Pushes a commit as a branch that is not there yet. Returns why it was not taken; "" where it was."""
        return self._push(commit, branch, expect="")

    def merge(self, order: DeliveryOrder) -> str:
        """Merges the commit into the default branch, unless it is there. Returns the commit that brought it in.

        Raises Refused with the conflict, or with what the server says, and GitError.
        """
        for _ in range(MAX_MERGE_ATTEMPTS):
            found = self.merged(order.commit)
            if found:
                return found
            tip = self.tip
            self.advance(self.stacked(order, tip), tip, order)
        raise Refused(f"{self.project.branch} moved {MAX_MERGE_ATTEMPTS} times while it was merged: approve it again")

    @property
    def tip(self) -> str:
        """The default branch as it was fetched last. Raises GitError."""
        return Git(self.folder).tip(DEFAULT_REF)

    def stacked(self, order: DeliveryOrder, onto: str) -> str:
        """A merge commit of a branch onto any commit; nothing is pushed. Raises Refused with the conflict, GitError."""
        return self._commit(order, onto, self._joined(order, onto))

    def advance(self, commit: str, tip: str, order: DeliveryOrder) -> bool:
        """Moves the default branch from `tip` to a commit that descends from it; returns whether it has that now, or
        False where somebody else was faster. `order` is whose words a refusal uses. Raises Refused with what the server
        says, WorkspaceFailed where it did not say no, and GitError.
        """
        why = self._push(commit, self.project.branch, expect=tip)
        now = self.fetch(self.project.branch, DEFAULT_REF)
        if why and now == tip:
            self._require_refusal(why)
            words = push_refusal(
                why, url=self.project.url, target=self.project.branch, branch=order.branch, mission=order.mission
            )
            raise Refused(f"the project's server does not take the merge: {words}")
        return self.merged(commit) != ""

    def offer_candidates(self, commits: Iterable[str]) -> None:
        """Makes commits what `candidate_ref` names, and what it named before no more. Raises GitError."""
        for ref in self._text("for-each-ref", "--format=%(refname)", CANDIDATES).split():
            self._run("update-ref", "-d", ref)
        for commit in commits:
            self._run("update-ref", candidate_ref(commit), commit)

    def publish(self, order: DeliveryOrder) -> str:
        """Makes the commit the branch `approved/<mission>`, unless it is. Returns it. Raises Refused, and GitError."""
        branch = pull_branch(order.mission)
        there = self.server.tip(self.folder, branch)
        if there == order.commit:
            return order.commit
        if there:
            raise Refused(f"the project has another branch {branch} already: {there[:10]}")
        why = self._push(order.commit, branch, expect="")
        if why:
            if self.server.tip(self.folder, branch) == order.commit:
                return order.commit
            self._require_refusal(why)
            words = push_refusal(why, url=self.project.url, target=branch, branch=order.branch, mission=order.mission)
            raise Refused(f"the project's server does not take {branch}: {words}")
        return order.commit

    def publish_pull(
        self,
        order: DeliveryOrder,
        was: str,
        *,
        options: tuple[str, ...] = (),
        heard: Callable[[str], None] = lambda said: None,
    ) -> str:
        """Brings the commit onto the branch `approved/<mission>` of its pull request. Returns what is there then.

        `was` is what this fleet pushed there last; empty: nothing yet. A later attempt comes as a child of both, with
        its own files, so that nothing is forced and what people said of earlier commits stays where it was said.
        `options` are pushed with it, and `heard` is told what the server said. Raises Refused where somebody else
        pushed there, WorkspaceFailed where the server did not say no, and GitError.
        """
        branch = pull_branch(order.mission)
        there = self.server.tip(self.folder, branch)
        if there:
            self.fetch(branch, PULL_REF)
            if self.brings(there, order.commit):
                return there
            if there != was:
                words = f"somebody else has pushed {there[:10]} to {branch}, which is left alone"
                raise Refused(f"{words}: {_undo(order, was)}")
        made = self.on_top(order, there) if there else order.commit
        why = self._push(made, branch, expect=there or "", options=options, heard=heard)
        if why:
            now = self.server.tip(self.folder, branch)
            if now != there:  # an answer that was lost, or somebody who was faster
                return self._after_all(order, branch)
            self._require_refusal(why)
            words = push_refusal(why, url=self.project.url, target=branch, branch=order.branch, mission=order.mission)
            raise Refused(f"the project's server does not take {branch}: {words}")
        return made

    def _after_all(self, order: DeliveryOrder, branch: str) -> str:
        """What is on the branch that moved while it was pushed to, if it brings the commit. Raises WorkspaceFailed."""
        now = self.fetch(branch, PULL_REF)
        if self.brings(now, order.commit):
            return now
        raise WorkspaceFailed(f"project {self.project.name}: {branch} moved while it was pushed to")

    def _require_refusal(self, said: str) -> None:
        """A push that got no answer is nobody's refusal: it is tried again. Raises WorkspaceFailed."""
        if is_unanswered(said):
            raise WorkspaceFailed(_clean_git_output(f"project {self.project.name}: {said}"))

    def conflicts(self, branch: str, commit: str) -> bool | None:
        """Whether a branch cannot be joined with the default branch; None where it is not that commit any more."""
        if self.server.tip(self.folder, branch) != commit:
            return None
        self.fetch(branch, PULL_REF)
        return self._call("merge-tree", "--write-tree", "--name-only", "--no-messages", DEFAULT_REF, commit)[0] == 1

    def brings(self, there: str, commit: str) -> bool:
        """Whether a commit is this one, or a child of it with the same files."""
        same = self._text("rev-parse", f"{there}^{{tree}}") == self._text("rev-parse", f"{commit}^{{tree}}")
        return same and self._call("merge-base", "--is-ancestor", commit, there)[0] == 0

    def on_top(self, order: DeliveryOrder, there: str) -> str:
        """A child of the commit and of what is there, with the commit's own files."""
        message = f"{order.title}\n\nShiftbook-Mission: {order.mission}\nApproved-By: {order.by}\n"
        return self._committed(f"{order.commit}^{{tree}}", (there, order.commit), message, order.node)

    def _joined(self, order: DeliveryOrder, tip: str) -> str:
        """The tree of both. Raises Refused with the files on which they disagree."""
        code, out, _ = self._call("merge-tree", "--write-tree", "--name-only", "--no-messages", "-z", tip, order.commit)
        tree, *names = [part.decode("utf-8", "replace") for part in out.split(b"\0")]
        if code == 0:
            return tree
        files = ", ".join(dict.fromkeys(name for name in names if name))
        merge = merge_line(self.project.url, order.branch)
        raise Refused(
            f"merge conflict with {self.project.branch} at {tip[:10]}: {files}; resolve it yourself with `{merge}`, or"
            f" have it done again: `shiftbook mission reject {order.mission} -m …`"
        )

    def _commit(self, order: DeliveryOrder, tip: str, tree: str) -> str:
        trailers = f"Shiftbook-Mission: {order.mission}\nApproved-By: {order.by}\n"
        message = f"Merge {order.branch}: {order.title}\n\n{trailers}"
        return self._committed(tree, (tip, order.commit), message, order.node)

    def _committed(self, tree: str, parents: Iterable[str], message: str, who: str, **more: str) -> str:
        """A commit by `who`; `more` is what else git takes of a person, the date."""
        person = {"NAME": who, "EMAIL": f"{who}@shiftbook.invalid", **more}
        env = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in person.items()}
        words = ("commit-tree", tree, *(word for parent in parents for word in ("-p", parent)), "-F", "-")
        return self._run(*words, stdin=message.replace("\0", "").encode(), env=env).decode().strip()

    def _push(
        self,
        commit: str,
        branch: str,
        *,
        expect: str,
        options: tuple[str, ...] = (),
        heard: Callable[[str], None] = lambda said: None,
    ) -> str:
        """Pushes if the branch is what is expected (empty: it is not there). Returns why it was not taken."""
        try:
            heard(self.server.push(self.folder, commit, branch, expect=expect, options=options))
        except GitError as error:
            return error.stderr.strip() or str(error)
        return ""

    def _run(self, *args: str, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> bytes:
        settings = {**ISOLATED_GIT_ENV, **(env or {})}
        return Git(self.folder).run(*args, stdin=stdin, timeout=GIT_TIMEOUT_SECONDS, env=settings)

    def _call(self, *args: str, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> tuple[int, bytes, str]:
        settings = {**ISOLATED_GIT_ENV, **(env or {})}
        return Git(self.folder).call(*args, stdin=stdin, timeout=GIT_TIMEOUT_SECONDS, codes=(0, 1, 128), env=settings)

    def _text(self, *args: str) -> str:
        return self._run(*args).decode("utf-8", "replace").strip()


def _undo(order: DeliveryOrder, was: str) -> str:
    """What a person can do who finds something else on the branch. Deleting it would close its pull request."""
    again = f"`shiftbook mission approve {order.mission}`"
    if not was:
        return f"rename or delete that branch, then {again}"
    return f"merge the pull request as it is, or move the branch back to {was[:10]}, then {again}"


def _clean_git_output(text: str) -> str:
    """What git said without passwords, in one line."""
    return redacted_line(without_password(text), 600)
