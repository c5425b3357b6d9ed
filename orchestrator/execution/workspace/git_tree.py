"""What did an attempt change, told without running anything that it left behind?

git's settings are written anew first, those of the system and of the person do not apply, and the tree's attributes can
name no filter. Repositories that the attempt made inside its tree lose their `.git` (it is moved beside, not deleted):
git would else run in them, with their settings.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.core.ports.agent import DiffStat
from orchestrator.execution.workspace.isolated_git import IsolatedGit, reset_git_folder
from orchestrator.execution.workspace.staging import ABSENT_MODE, LINK_MODE, format_paths, note_checkout, stage
from orchestrator.execution.workspace.tree_walk import walk_entries

EXECUTABLE_MODE = "100755"


@dataclass(frozen=True, kw_only=True)
class _Row:
    """One line of `--raw`: modes before and after, what happened, and where it is now."""

    before: str
    after: str
    what: str
    path: str


@dataclass(frozen=True, kw_only=True)
class _Count:
    """One line of `--numstat`; None for lines of a binary file."""

    added: int | None
    removed: int | None
    path: str


def count_changes(table: bytes) -> DiffStat:
    """Reads `git diff-tree --raw --numstat -M -z`."""
    words = iter(table.decode("utf-8", "replace").split("\0"))
    found = list(_parse_rows(words))
    rows = [each for each in found if isinstance(each, _Row)]
    counts = [each for each in found if isinstance(each, _Count)]
    return DiffStat(
        added=sum(each.added or 0 for each in counts),
        removed=sum(each.removed or 0 for each in counts),
        binaries=tuple(each.path for each in counts if each.added is None),
        modes=tuple(row.path for row in rows if _changed_mode(row)),
        executables=tuple(row.path for row in rows if row.after == EXECUTABLE_MODE != row.before),
        links=tuple(row.path for row in rows if LINK_MODE in (row.before, row.after)),
        renames=sum(row.what.startswith("R") for row in rows),
    )


def _changed_mode(row: _Row) -> bool:
    return row.before != row.after and ABSENT_MODE not in (row.before, row.after)


def _parse_rows(words: Iterator[str]) -> Iterator[_Row | _Count]:
    for word in words:
        if word.startswith(":"):
            before, after, _, _, what = word[1:].split(" ")
            path = next(words)
            yield _Row(before=before, after=after, what=what, path=next(words) if what[0] in "RC" else path)
        elif word:
            added, removed, path = word.split("\t", 2)
            if not path:  # a rename: both names follow
                next(words)
                path = next(words)
            yield _Count(added=_number(added), removed=_number(removed), path=path)


def _number(text: str) -> int | None:
    return None if text == "-" else int(text)


DIFF_TREE_COMMAND = ("diff-tree", "-r", "--no-commit-id", "--no-ext-diff", "--no-textconv", "--ignore-submodules=none")
CHECKOUT_WORKERS = min(4, os.cpu_count() or 1)
"""Processes that unpack and write a tree; no more on a large machine, as a small tree would wait for their starts."""
PARALLEL_CHECKOUT = ("-c", f"checkout.workers={CHECKOUT_WORKERS}", "-c", "checkout.thresholdForParallelism=2")
"""From two files on, as two may be large: unpacking 1 GB takes 2.4 s of a processor, writing it one more. git writes
what needs a filter by itself, and none has a program here (git-config(1), `checkout.workers`)."""
ONE_WORKER_BYTES = 16 * 1024 * 1024
"""Bytes of packs up to which a tree is filled by one process: starting others takes longer than they save."""
LFS_FILTER, LFS_POINTER = "filter=lfs", "version https://git-lfs.github.com/spec/v1"
MAX_FULL_DIFF_BYTES = 64 * 1024 * 1024
"""Bytes of changed files beyond which the diff no longer holds those over 1 MiB."""


@dataclass(frozen=True, kw_only=True)
class CommittedWork:
    """What an attempt did. `patch` is the diff, byte by byte; `commit` is the base when nothing changed."""

    commit: str
    files: tuple[str, ...] = ()
    patch: bytes = b""
    notes: tuple[str, ...] = ()
    changes: DiffStat | None = None
    submodules: bytes = b""
    """What was written below submodules, as a diff."""


@dataclass(frozen=True, kw_only=True)
class TreeSnapshot:
    """What a tree holds at one moment, as Git's object `tree`; `files` are the paths that differ from the base."""

    tree: str
    files: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    submodules: bytes = b""
    """What was written below submodules, as a diff: it cannot be committed here."""


@dataclass(frozen=True, kw_only=True)
class AttemptRepository:
    """An attempt's git folder and its tree, used with no settings but ours."""

    folder: Path
    tree: Path
    branch: str
    base: str

    @property
    def git(self) -> IsolatedGit:
        """git on it."""
        return IsolatedGit(folder=self.folder, tree=self.tree)

    def check_out(self, *, stopped: Callable[[], bool]) -> None:
        """Starts the branch at the base and fills the tree. Raises GitError."""
        self.git.run("update-ref", f"refs/heads/{self.branch}", self.base)
        self.git.run(*self._workers(), "reset", "--quiet", "--hard", stopped=stopped)
        note_checkout(self.git)

    def go_on_from(self, was: str, changed: Sequence[str], *, stopped: Callable[[], bool]) -> None:
        """Starts the branch at the base in a tree that has another commit, from which the base differs in the paths
        that are `changed`. Raises GitError, also where the tree is not that commit's.
        """
        self.git.run("diff-files", "--quiet", "--ignore-submodules=all")  # by size and times; it reads no file
        if was != self.base:
            self.git.run(*self._workers(), "read-tree", "-m", "-u", was, self.base, stopped=stopped)
            note_checkout(self.git, changed)
        moves = (f"refs/heads/{self.branch}", "ORIG_HEAD")  # as `check_out` leaves them
        self.git.run("update-ref", "--stdin", stdin="".join(f"update {ref} {self.base}\n" for ref in moves).encode())

    def _workers(self) -> tuple[str, ...]:
        packs = (self.folder / "objects" / "pack").glob("*.pack")
        return PARALLEL_CHECKOUT if sum(pack.stat().st_size for pack in packs) > ONE_WORKER_BYTES else ()

    def snapshot(self, *, aside: Path, leaves: Sequence[str] = ()) -> TreeSnapshot:
        """The tree as it is, whatever the attempt did with git; new files that match `leaves` are no part of it.

        Raises GitError, OSError.
        """
        reset_git_folder(self.folder, self.branch, leaves)
        moved = move_git_folders(self.tree, aside)
        staged = stage(self.git, self.base)
        made = self.git.text("write-tree")
        notes = tuple(note for where in moved for note in self._embedded(where, made))
        return TreeSnapshot(
            tree=made, files=self._files(made), notes=notes + staged.notes, submodules=staged.submodules
        )

    def _embedded(self, where: str, made: str) -> Iterator[str]:
        """What is said of a repository that an attempt made in its tree; nothing where its files are told elsewhere."""
        rows = self.git.run("ls-tree", "-z", made, "--", f"{where}/").split(b"\0")
        if any(row and not row.startswith(b"160000 ") for row in rows):
            yield f"{format_paths([where])} was a repository of its own: its files are in the diff, its history is not"

    def restore(self, *, but: Sequence[str] | None = None) -> None:
        """Makes the tree what it was at the last snapshot. What is ignored stays; if `but` is given, what matches one
        of those globs and nothing else. Raises GitError.
        """
        words = () if but is None else ("-x", *(f"--exclude={glob}" for glob in but))
        self.git.run("checkout-index", "--force", "--all")
        self.git.run("clean", "-f", "-f", "-d", *words, "--quiet")

    def settle(self, seen: TreeSnapshot, *, node: str, message: str) -> CommittedWork:
        """Commits a snapshot onto the base, and tells what it changed. Raises GitError, OSError."""
        if not seen.files:
            return CommittedWork(commit=self.base, notes=seen.notes, submodules=seen.submodules)
        commit = self._commit(seen.tree, node=node, message=message)
        patch, note = self._patch(commit, seen.files)
        changes = count_changes(
            self.git.run(*DIFF_TREE_COMMAND, "--raw", "--numstat", "-M", "-z", "--abbrev=40", self.base, commit)
        )
        return CommittedWork(
            commit=commit,
            files=seen.files,
            patch=patch,
            notes=seen.notes + note,
            changes=changes,
            submodules=seen.submodules,
        )

    def missing_parts(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """What is not fetched: where the base has other repositories, and its files that only point to their content in
        Git LFS. Raises GitError.
        """
        rows = self.git.run("ls-tree", "-r", "-z", self.base).split(b"\0")
        attributed = any(row.endswith((b"\t.gitattributes", b"/.gitattributes")) for row in rows)
        linked = (row.partition(b"\t")[2] for row in rows if row.startswith(b"160000 "))
        submodules = tuple(path.decode("utf-8", "replace") for path in linked)
        return submodules, self._pointers() if attributed else ()

    def blobs(self) -> list[tuple[str, str]]:
        """The base's files, as paths and Git's names of their contents. Raises GitError."""
        rows = (row.partition("\t") for row in self.git.text("ls-tree", "-r", "-z", self.base).split("\0") if row)
        return [(path, head.split(" ")[2]) for head, _, path in rows]

    def untracked(self) -> list[str]:
        """What lies in the tree and is in no commit, ignored or not; of a folder with nothing else only its name."""
        return [path for path in self.git.text("ls-files", "--others", "--directory", "-z").split("\0") if path]

    def _pointers(self) -> tuple[str, ...]:
        found = self._found(LFS_FILTER, "*.gitattributes")
        return self._found(LFS_POINTER, ".") if found else ()

    def holds(self, words: str, path: str) -> bool:
        """Whether the base has a text in a file. Raises GitError."""
        return bool(self._found(words, path))

    def _found(self, words: str, where: str) -> tuple[str, ...]:
        """The base's files that hold a text."""
        search = ("grep", "-l", "-z", "-I", "-F", "--max-count=1", "-e", words, self.base, "--", where)
        names = self.git.call(*search)[1].split(b"\0")
        return tuple(name.decode("utf-8", "replace").partition(":")[2] for name in names if name)

    def _commit(self, made: str, *, node: str, message: str) -> str:
        """Plumbing, so that no hook has a say."""
        who = {"NAME": node, "EMAIL": f"{node}@shiftbook.invalid"}
        env = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in who.items()}
        text = message.replace("\0", "").encode()
        commit = self.git.run("commit-tree", made, "-p", self.base, "-F", "-", stdin=text, env=env).decode().strip()
        self.git.run("update-ref", f"refs/heads/{self.branch}", commit)
        return commit

    def _files(self, made: str) -> tuple[str, ...]:
        """Every path in which a tree differs from the base; of a rename both."""
        out = self.git.run(*DIFF_TREE_COMMAND, "--no-renames", "--name-only", "-z", self.base, made)
        return tuple(name.decode("utf-8", "replace") for name in out.split(b"\0") if name)

    def _patch(self, commit: str, files: tuple[str, ...]) -> tuple[bytes, tuple[str, ...]]:
        size = sum(path.lstat().st_size for path in (self.tree / name for name in files) if os.path.lexists(path))
        if size <= MAX_FULL_DIFF_BYTES:
            return self.git.run(*DIFF_TREE_COMMAND, "-p", "-M", "--binary", "--full-index", self.base, commit), ()
        words = ("-c", "core.bigFileThreshold=1m", *DIFF_TREE_COMMAND, "-p", "-M", self.base, commit)
        return self.git.run(*words), (
            f"{size:,} bytes were changed: files over 1 MiB are on the branch, not in the diff",
        )


def move_git_folders(tree: Path, aside: Path) -> tuple[str, ...]:
    """Moves every `.git` below the top of `tree` out of it, so that its files count as files; says from where."""
    found = []
    for path in list(embedded_git_folders(tree)):
        aside.mkdir(exist_ok=True)
        path.rename(aside / uuid.uuid4().hex)
        found.append(str(path.parent.relative_to(tree)))
    return tuple(found)


def embedded_git_folders(tree: Path) -> Iterator[Path]:
    """Every `.git` below the top of a tree, however it is written."""
    inside = ""
    for each in walk_entries(tree):
        if inside and each.path.startswith(inside):
            continue
        if each.name.lower() == ".git" and Path(each.path).parent != tree:
            inside = f"{each.path}/"
            yield Path(each.path)
