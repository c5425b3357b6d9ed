"""The start point of a workspace that begins with work that somebody has done already.

With a patch, or with the tree of an attempt's branch. Either way what was done stands in the tree and is not committed,
so that what is handed back later is the whole change.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from missions.mission import Mission
from orchestrator.core.errors import WorkspaceFailed
from orchestrator.core.ports.model import Stop
from orchestrator.execution.workspace.clone import Workspace
from orchestrator.execution.workspace.git_tree import DIFF_TREE_COMMAND
from orchestrator.execution.workspace.isolated_git import IsolatedGit, reset_git_folder
from orchestrator.execution.workspace.staging import stage
from orchestrator.ledger.diff_budget import CUT
from orchestrator.ledger.snapshot import LedgerSnapshot
from sync.errors import GitError
from sync.objects import find
from sync.remote import MAX_OBJECT_BYTES, Oid

REDACTION = "[redacted:"
"""How what stands in a diff in place of a secret begins."""


def patch_path(oid: Oid) -> str:
    """Where the ledger keeps the work that a mission starts from. Its name is what it holds, so nobody can swap it."""
    return f"missions/patches/{oid}.diff"


def starting_patch(ledger: LedgerSnapshot, oid: Oid) -> bytes:
    """The work that a mission's text names. Raises WorkspaceFailed."""
    entry = find(ledger.store, ledger.tree, patch_path(oid))
    if entry is None or entry.oid != oid:
        raise WorkspaceFailed(
            f"the work that it should start from, {patch_path(oid)}, is not what its name says", lasting=True
        )
    return ledger.store.get(entry.oid, MAX_OBJECT_BYTES)


def earlier_work(
    ledger: LedgerSnapshot, mission: Mission, vouched: Callable[[str], bool] = lambda _path: True
) -> bytes:
    """What the last attempt changed, for the next one of its pull request; nothing where the diff is not kept whole.

    `vouched` says whether somebody of the fleet wrote what stands at a path: what lies in a workspace is run.
    """
    path = ledger.newest_attempt_path(mission, "diff") if mission.pull_state == "changing" else ""
    shown = ledger.text(path) if path and vouched(path) else ""
    return b"" if REDACTION in shown or CUT.search(shown) else shown.encode("utf-8", "surrogateescape")


def apply_where_it_fits(workspace: Workspace, patch: bytes) -> bool:
    """Applies a patch, or leaves the tree as it was cloned; returns which."""
    try:
        apply_patch(workspace, patch)
    except WorkspaceFailed:
        _git(workspace.folder, "read-tree", "--reset", "-u", workspace.base)
        return False
    return True


def apply_patch(workspace: Workspace, patch: bytes) -> None:
    """Applies a patch to the tree. Raises WorkspaceFailed where it does not fit any more.

    git refuses paths that leave the tree, lead through a link or into `.git`.
    """
    try:
        # In the index alone: beside line ends that git would store otherwise it takes the tree for changed.
        _git(workspace.folder, "apply", "--cached", "--3way", "--whitespace=nowarn", "-", stdin=patch)
        made = _git(workspace.folder, "write-tree").decode().strip()
        _git(workspace.folder, "read-tree", workspace.base)
        _git(workspace.folder, "read-tree", "--reset", "-u", made)
    except GitError as error:
        first = str(error).splitlines()[0][:300]
        why = f"the work that it should start from does not fit {workspace.base[:10]} any more: {first}"
        raise WorkspaceFailed(why, lasting=True) from error


def check_out_branch(workspace: Workspace, branch: str, default: str, stop: Stop) -> None:
    """Fills the tree with what stands on a branch of the project's server, at the commit that it began from.

    Raises WorkspaceFailed where there is no such branch, or it does not come from the default branch.
    """
    folder, ref = workspace.folder, f"refs/heads/{branch}"
    try:
        workspace.server.fetch(folder / "git", f"+{ref}:{ref}", stopped=stop.is_set)
        base = _git(folder, "merge-base", workspace.base, ref).decode().strip()
        _git(folder, "update-ref", f"refs/heads/{default}", base)
        _git(folder, "reset", "--quiet", "--hard", ref)
        _git(folder, "reset", "--quiet", "--soft", base)
    except GitError as error:
        raise WorkspaceFailed(f"the branch {branch} cannot be taken up: {str(error).splitlines()[0][:300]}") from error


def workspace_changes(folder: Path, own: str, default: str) -> tuple[bytes, tuple[str, ...]]:
    """What the workspace in a folder has beyond the default branch as it was cloned: a patch, and the paths.

    `own` is the workspace's own branch. Its index is left alone, so that a chat may go on meanwhile. Raises GitError.
    """
    reset_git_folder(folder / "git", own)
    index = folder / "git" / "handover.index"
    env = {"GIT_INDEX_FILE": str(index)}
    try:
        base = f"refs/heads/{default}"
        _git(folder, "read-tree", base, env=env)
        stage(IsolatedGit(folder=folder / "git", tree=folder / "tree", env=env), base)
        made = _git(folder, "write-tree", env=env).decode().strip()
    finally:
        index.unlink(missing_ok=True)
    patch = _git(folder, *DIFF_TREE_COMMAND, "-p", "-M", "--binary", "--full-index", base, made)
    names = _git(folder, *DIFF_TREE_COMMAND, "--no-renames", "--name-only", "-z", base, made)
    return patch, tuple(name.decode("utf-8", "replace") for name in names.split(b"\0") if name)


def _git(folder: Path, *words: str, stdin: bytes = b"", env: dict[str, str] | None = None) -> bytes:
    return IsolatedGit(folder=folder / "git", tree=folder / "tree").run(*words, stdin=stdin, env=env)
