"""What would the fleet not take of what stands in a clone, or of what a push brings?"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from orchestrator.core.errors import WrongSetting
from orchestrator.ledger.file_check import FileProblem, check_files
from sync.errors import GitError, ObjectMissing
from sync.git import Git, GitStore
from sync.objects import load_commit
from sync.remote import Oid

CHECKED_PATHS = ("fleet.toml", "allowed_signers", "missions")
LEFT_OUT_TAG = b"S"
"""git-ls-files(1): the file stands in the commit, and is left out of the folder (a sparse checkout)."""


def check_clone(folder: Path) -> list[FileProblem]:
    """What is wrong with the files as they stand in the clone, committed or not. Raises WrongSetting and GitError."""
    with _opened(folder) as (git, store):
        return check_files(store, _work_tree(git))


def check_push(folder: Path, branch: str, lines: Iterable[str]) -> list[FileProblem]:
    """What a push makes wrong that was not wrong before. `lines` are git's words to the hook (githooks(5))."""
    words = [line.split() for line in lines]
    pushed = [(each[1], each[3]) for each in words if len(each) == 4 and each[2] == f"refs/heads/{branch}"]
    found: list[FileProblem] = []
    with _opened(folder) as (_, store):
        for new, old in pushed:
            if set(new) == {"0"}:
                continue  # the branch is taken away
            before = {(one.path, one.says) for one in _problems_of(store, old)}
            found += [one for one in _problems_of(store, new) if (one.path, one.says) not in before]
    return found


def is_behind(folder: Path, branch: str, lines: Iterable[str]) -> bool:
    """Whether git will refuse a push because others have pushed since: it then says nothing of it to the hook, or names
    a commit of the server's that is not here."""
    words = [line.split() for line in lines]
    with _opened(folder) as (git, store):
        if not words:
            tips = (f"refs/remotes/origin/{branch}", f"refs/heads/{branch}")
            return git.call("merge-base", "--is-ancestor", *tips, codes=(0, 1, 128))[0] == 1
        theirs = [each[3] for each in words if len(each) == 4 and each[2] == f"refs/heads/{branch}"]
        return any(set(oid) != {"0"} and not _is_here(store, oid) for oid in theirs)


def _is_here(store: GitStore, oid: Oid) -> bool:
    try:
        store.size(oid)
    except ObjectMissing:
        return False
    return True


def _problems_of(store: GitStore, commit: Oid) -> list[FileProblem]:
    """None for a commit that is not here, such as that of a branch which begins."""
    try:
        return check_files(store, load_commit(store, commit).tree)
    except ObjectMissing:
        return []


@contextmanager
def _opened(folder: Path) -> Iterator[tuple[Git, GitStore]]:
    try:
        top = Path(Git(folder).text("rev-parse", "--show-toplevel"))
    except (GitError, OSError) as error:
        raise WrongSetting("FOLDER", f"{folder} is not a clone of a ledger: run this in one") from error
    git = Git(top)
    store = GitStore(top / git.text("rev-parse", "--git-common-dir"))
    try:
        yield git, store
    finally:
        store.close()


def _work_tree(git: Git) -> Oid:
    """The tree that a commit of all the ledger's files would have; the person's index stays as it is."""
    index = git.folder / git.text("rev-parse", "--git-path", "index")
    with tempfile.TemporaryDirectory(prefix="shiftbook-") as folder:
        mine = Path(folder) / "index"
        if index.exists():
            shutil.copyfile(index, mine)
        there = {"GIT_INDEX_FILE": str(mine)}
        known = git.run("ls-files", "-z", "-t", "--", *CHECKED_PATHS, env=there).split(b"\0")[:-1]
        kept = (path for tag, _, path in (entry.partition(b" ") for entry in known) if tag != LEFT_OUT_TAG)
        gone = [path for path in kept if not (git.folder / path.decode("utf-8", "surrogateescape")).exists()]
        out = b"".join(path + b"\0" for path in gone)
        git.run("update-index", "-z", "--force-remove", "--stdin", stdin=out, env=there)
        paths = [path for path in CHECKED_PATHS if (git.folder / path).exists()]
        if paths:
            git.run("add", "--sparse", "--", *paths, env=there)  # also what lies in a folder that is left out
        return git.run("write-tree", env=there).decode().strip()
