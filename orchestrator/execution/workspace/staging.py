"""What of a work tree is staged as the attempt's doing, and how does git store it?

A file whose bytes are those that were checked out is what the base has, whatever git would make of it now: line ends,
an encoding, `$Id$`. A file that was written is stored as the project's own attributes say. A submodule stays what it
is: what was written below it is a patch of its own.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from missions.plain_data import read_json
from orchestrator.execution.workspace.isolated_git import GIT_ATTRIBUTES, IsolatedGit
from orchestrator.execution.workspace.tree_walk import remove_pipes, walk_entries

LINK_MODE, SUBMODULE_MODE, ABSENT_MODE = "120000", "160000", "000000"
FILE_MODES = frozenset({"100644", "100755"})
CONVERTED_FILE = "converted.json"
"""In the git folder: files whose bytes in the tree are not those in the repository, with the name of what they are."""
NO_VALUES = frozenset({"unspecified", "unset"})
CHUNK_BYTES = 1024 * 1024
MAX_LISTED_PATHS = 10
"""Most paths that a note names."""
MAX_COUNTED_FILES = 10_000
AS_WRITTEN = f"{GIT_ATTRIBUTES}* !working-tree-encoding\n"


@dataclass(frozen=True, kw_only=True)
class StagedWork:
    """What is told of a tree that was staged; `submodules` is a diff of what was written below them."""

    notes: tuple[str, ...] = ()
    submodules: bytes = b""


@dataclass(frozen=True, kw_only=True)
class _Changed:
    """A path in which the index differs from the base."""

    before: str
    after: str
    was: str
    path: str


def note_checkout(git: IsolatedGit, changed: Sequence[str] | None = None) -> None:
    """Remembers of a fresh check-out which files git has converted on the way; with `changed` of one that is
    remembered, and in which only these paths have changed. Raises GitError, OSError.
    """
    attributed = git.run("ls-files", "-z", "--", ".gitattributes", "**/.gitattributes")
    if not attributed:
        (git.folder / CONVERTED_FILE).write_text("{}")
        return
    if changed is None:
        known, files = {}, git.run("ls-files", "-z")
    else:
        news = frozenset(changed)
        known = {path: name for path, name in _converted(git).items() if path not in news}
        files = b"".join(os.fsencode(path) + b"\0" for path in changed)
    words = git.paths("check-attr", "--cached", "-z", "--stdin", "eol", "working-tree-encoding", "ident", stdin=files)
    told = zip(words[::3], words[1::3], words[2::3], strict=True)
    paths = {path for path, name, value in told if value not in NO_VALUES and (name, value) != ("eol", "lf")}
    names = {path: name for path in paths if (name := _blob_name(git.tree / path))}
    (git.folder / CONVERTED_FILE).write_text(json.dumps({**known, **names}, sort_keys=True))


def stage(git: IsolatedGit, base: str) -> StagedWork:
    """Makes the index what the attempt has made of the base. Raises GitError, OSError."""
    remove_pipes(git.tree)
    notes = _add_all(git)
    changed = list(_changed(git, base))
    submodules = _submodules(git, base)
    kept = [*_untouched(git, changed), *_kept_submodules(git, changed)]
    entries = b"".join(f"{mode} {oid}\t".encode() + os.fsencode(path) + b"\0" for mode, oid, path in kept)
    git.run("update-index", "-z", "--index-info", stdin=entries)
    gone = tuple(path for mode, _, path in kept if mode == SUBMODULE_MODE)
    if gone:
        notes += (f"submodules stay on the branch, though their folders were taken away: {format_paths(gone)}",)
    patch, lost = _below_submodules(git, submodules)
    notes += (*lost, *_filtered(git, base), *_ignored(git, submodules))
    return StagedWork(notes=notes, submodules=patch)


def format_paths(paths: Sequence[str]) -> str:
    """Paths for a note, the first few by name."""
    shown = ", ".join(os.fsencode(path).decode("utf-8", "replace") for path in paths[:MAX_LISTED_PATHS])
    return shown + (f" and {len(paths) - MAX_LISTED_PATHS} more" if len(paths) > MAX_LISTED_PATHS else "")


def _add_all(git: IsolatedGit) -> tuple[str, ...]:
    """Adds all that is not ignored; a file that is not in the encoding that the project names is taken as it is."""
    words = ("add", "--all", "--ignore-errors", "--", ".")
    code, _, said = git.call(*words, codes=(0, 1, 128))
    if code == 128:  # git's own code for what it cannot go on from
        with _attributes(git, AS_WRITTEN):
            code, _, said = git.call(*words)
        notes: tuple[str, ...] = ("a file is not in the encoding that .gitattributes names: all are taken as they are",)
    else:
        notes = ()
    unread = code or "could not open directory" in said  # that one is a warning only
    return notes + (("some files could not be read: they are not in the diff",) if unread else ())


@contextmanager
def _attributes(git: IsolatedGit, text: str) -> Iterator[None]:
    """Other attributes than ours above the project's own, for a while. No filter runs: none has a program here."""
    place = git.folder / "info" / "attributes"
    place.write_text(text)
    try:
        yield
    finally:
        place.write_text(GIT_ATTRIBUTES)


def _changed(git: IsolatedGit, base: str) -> Iterator[_Changed]:
    words = git.paths("diff-index", "--cached", "--raw", "-z", "--no-renames", "--abbrev=40", base)
    for said, path in zip(words[::2], words[1::2], strict=True):
        before, after, was, _, _ = said.lstrip(":").split(" ")
        yield _Changed(before=before, after=after, was=was, path=path)


def _untouched(git: IsolatedGit, changed: Iterable[_Changed]) -> Iterator[tuple[str, str, str]]:
    """The entries that differ from the base only because git would store the very same bytes otherwise now."""
    converted = _converted(git)
    for each in changed:
        if {each.before, each.after} <= FILE_MODES and _blob_name(git.tree / each.path) == converted.get(
            each.path, each.was
        ):
            yield each.after, each.was, each.path


def _converted(git: IsolatedGit) -> Mapping[str, str]:
    try:
        found = read_json((git.folder / CONVERTED_FILE).read_text())
    except (OSError, ValueError):  # a folder of an older version
        return {}
    return found if isinstance(found, dict) else {}


def _blob_name(path: Path) -> str:
    """What git calls a plain file's bytes as they are; "" for what is none."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return ""
    found = os.fstat(handle)
    if not stat.S_ISREG(found.st_mode):
        os.close(handle)  # of a folder there is no file object that would do so
        return ""
    with os.fdopen(handle, "rb") as file:
        name = hashlib.sha1(f"blob {found.st_size}\0".encode(), usedforsecurity=False)
        while chunk := file.read(CHUNK_BYTES):
            name.update(chunk)
    return name.hexdigest()


# -- submodules --------------------------------------------------------------------------------------------------------


def _submodules(git: IsolatedGit, base: str) -> tuple[str, ...]:
    rows = git.paths("ls-tree", "-r", "-z", base)
    return tuple(row.partition("\t")[2] for row in rows if row.startswith(f"{SUBMODULE_MODE} "))


def _kept_submodules(git: IsolatedGit, changed: Iterable[_Changed]) -> Iterator[tuple[str, str, str]]:
    """The submodules whose folder is gone, though .gitmodules names them still: a clean-up of empty folders."""
    gone = [each for each in changed if each.before == SUBMODULE_MODE and each.after == ABSENT_MODE]
    named = _named_submodules(git) if gone else set()
    return ((each.before, each.was, each.path) for each in gone if each.path in named)


def _named_submodules(git: IsolatedGit) -> set[str]:
    words = ("config", "--blob=:.gitmodules", "-z", "--get-regexp", r"^submodule\..*\.path$")
    out = git.call(*words, codes=(0, 1, 3, 128))[1]
    return {os.fsdecode(row.partition(b"\n")[2]) for row in out.split(b"\0") if row}


def _below_submodules(git: IsolatedGit, submodules: Iterable[str]) -> tuple[bytes, tuple[str, ...]]:
    """What was written where a submodule's files would be, as a diff, and a word for each."""
    there = [path for path in submodules if any(_entries(git.tree, path))]
    if not there:
        return b"", ()
    index = git.folder / "submodules.index"
    own = IsolatedGit(folder=git.folder, tree=git.tree, env={**git.env, "GIT_INDEX_FILE": str(index)})
    try:
        own.run("read-tree", "--empty")
        nothing = own.text("write-tree")
        own.call("add", "--all", "--ignore-errors", "--", *(f":(top,literal){path}" for path in there))
        made = own.text("write-tree")
    finally:
        index.unlink(missing_ok=True)
    files = own.paths("diff-tree", "-r", "-z", "--name-only", nothing, made)
    patch = own.run("diff-tree", "-r", "-p", "--binary", "--full-index", "--no-renames", nothing, made)
    return patch, tuple(filter(None, (_told(path, files) for path in there)))


def _told(path: str, files: Sequence[str]) -> str:
    found = [name.removeprefix(f"{path}/") for name in files if name.startswith(f"{path}/")]
    kept = f"{format_paths(found)} is not in the diff but beside it, in `submodules.diff`"
    return f"{format_paths([path])} is a submodule: {kept}" if found else ""


def _entries(tree: Path, path: str) -> Iterator[os.DirEntry[str]]:
    """What lies below a folder of the tree; nothing where it, or one above it, is a link."""
    folder = tree / path
    return walk_entries(folder) if folder.is_dir() and folder.resolve() == tree.resolve() / path else iter(())


# -- what is told ------------------------------------------------------------------------------------------------------


def _filtered(git: IsolatedGit, base: str) -> Iterator[str]:
    """Files that were written and that the project would have a program store, such as Git LFS."""
    written = git.run("diff-index", "--cached", "-z", "--name-only", "--no-renames", "--diff-filter=AMT", base)
    if not written or not git.run("ls-files", "-z", "--", ".gitattributes", "**/.gitattributes"):
        return
    with _attributes(git, ""):
        words = git.paths("check-attr", "-z", "--stdin", "filter", stdin=written)
    paths = [path for path, value in zip(words[::3], words[2::3], strict=True) if value not in NO_VALUES]
    if paths:
        yield f"stored as they are, without the filter that .gitattributes names: {format_paths(paths)}"


def _ignored(git: IsolatedGit, submodules: Sequence[str]) -> Iterator[str]:
    """What the project's own .gitignore leaves out, folders with the number of their files."""
    words = ("ls-files", "-z", "--others", "--ignored", "--exclude-per-directory=.gitignore", "--directory")
    inside = tuple(f"{path}/" for path in submodules)
    found = [path for path in git.paths(*words) if not f"{path}/".startswith(inside)]
    told = [f"{path} ({_count(git.tree, path)})" if path.endswith("/") else path for path in found[:MAX_LISTED_PATHS]]
    if told:
        yield f"left out by .gitignore: {format_paths(told + found[MAX_LISTED_PATHS:])}"


def _count(tree: Path, path: str) -> str:
    files = (each for each in _entries(tree, path.rstrip("/")) if not each.is_dir(follow_symlinks=False))
    number = sum(1 for _ in islice(files, MAX_COUNTED_FILES))
    return f"{number:,}{'+' * (number == MAX_COUNTED_FILES)} file{'s' * (number != 1)}"
