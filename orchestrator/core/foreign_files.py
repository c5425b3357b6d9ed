"""How are files read that other programs own: within bounds, and none that a link leads to or somebody else owns?

Every folder on the way is opened by its name in the one above, so that nothing can be put in its place meanwhile. The
folder at the top is a person's own word, and may be a link.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

MAX_LINE_BYTES = 4 * 1024 * 1024
MAX_FOLDERS = 50_000
MAX_FILES = 50_000
MAX_PASSED = 1_000
"""Places that are told; one that was passed over for each of them would fill a screen."""
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True, kw_only=True)
class PassedOver:
    """A place that was not read, and why."""

    place: str
    why: str


class LineState(StrEnum):
    """How much of a line was read."""

    WHOLE = "whole"
    TOO_LONG = "too long"
    UNFINISHED = "unfinished"
    """The file ends in it without a line end."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ForeignFile:
    """A plain file of this user's below a folder."""

    parts: tuple[str, ...]
    path: Path
    size: int
    changed_ns: int

    @property
    def mark(self) -> str:
        """Another one whenever the file has changed."""
        return f"{self.size}:{self.changed_ns}"

    @property
    def changed(self) -> float:
        """Seconds since 1970."""
        return self.changed_ns / 1e9


class NotOurs(OSError):
    """A link, no plain file, or somebody else's."""


def find_files(
    top: Path,
    wanted: Callable[[tuple[str, ...]], bool],
    passed: list[PassedOver],
    *,
    depth: int,
    most_folders: int = MAX_FOLDERS,
    enter: Callable[[tuple[str, ...]], bool] = lambda parts: True,
) -> Iterator[ForeignFile]:
    """The files below a folder whose names (as parts of a path) are wanted, at most `depth` folders deep.

    What is wanted and not read is told in `passed`.
    """
    try:
        if not top.is_dir():
            return
    except OSError as error:  # the folder above is closed to this user
        _note(passed, top, error.strerror or "cannot be read")
        return
    level: list[tuple[str, ...]] = [()]
    folders = files = 0
    for _ in range(depth + 1):
        below: list[tuple[str, ...]] = []
        for parts in level:
            folders += 1
            entries = _entries(top, parts, passed) if folders <= most_folders else None
            for entry in entries or ():
                here = (*parts, entry.name)
                if entry.is_dir(follow_symlinks=False):
                    below += [here] if enter(here) else []
                elif wanted(here) and (found := _checked(top, here, entry, passed)):
                    files += 1
                    if files > MAX_FILES:
                        break
                    yield found
            if entries is None or files > MAX_FILES:
                _note(passed, top, f"has more than {most_folders:,} folders or {MAX_FILES:,} files: not all are read")
                return
        level = below


def open_foreign(top: Path, parts: tuple[str, ...]) -> BinaryIO:
    """A file below a folder, to be read. Raises OSError, and NotOurs for what is not to be read."""
    folder = os.open(top, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in parts[:-1]:
            inner = os.open(part, _FOLDER, dir_fd=folder)
            os.close(folder)
            folder = inner
        number = os.open(parts[-1], _FILE, dir_fd=folder)
    finally:
        os.close(folder)
    found = os.fstat(number)
    if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
        os.close(number)
        raise NotOurs(f"{top.joinpath(*parts)} is no plain file of yours")
    return os.fdopen(number, "rb", buffering=256 * 1024)


def read_up_to(file: BinaryIO, limit: int) -> bytes:
    """What is in a file, at most `limit` bytes: `read(limit)` would take that much memory for a small one, too."""
    return file.read(min(limit, os.fstat(file.fileno()).st_size))


def is_file(path: Path) -> bool:
    """Whether a file is there; False also where nobody may look, which `Path.is_file` raises."""
    return _is(path, Path.is_file)


def is_folder(path: Path) -> bool:
    """The same of a folder."""
    return _is(path, Path.is_dir)


def real_folder(path: Path) -> Path:
    """A folder by the path on which no link is: the same one, whichever way it was named."""
    try:
        return path.resolve()
    except (OSError, RuntimeError):  # a link that leads to itself
        return path.absolute()


def _is(path: Path, asked: Callable[[Path], bool]) -> bool:
    try:
        return asked(path)
    except OSError:
        return False


def is_ours(path: Path) -> bool:
    """Whether a path is a plain file of this user's, and no link."""
    try:
        found = path.lstat()
    except OSError:
        return False
    return stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid()


def bounded_lines(file: BinaryIO, most: int = MAX_LINE_BYTES) -> Iterator[tuple[int, bytes, LineState]]:
    """The lines with their numbers from 1; one that is longer is passed by, with nothing of it kept."""
    number = 0
    while piece := file.readline(most):
        number += 1
        if piece.endswith(b"\n"):
            yield number, piece, LineState.WHOLE
        elif len(piece) < most:
            yield number, piece, LineState.UNFINISHED
        else:
            while piece and not piece.endswith(b"\n"):
                piece = file.readline(most)
            yield number, b"", LineState.TOO_LONG


def _entries(top: Path, parts: tuple[str, ...], passed: list[PassedOver]) -> list[os.DirEntry[str]]:
    folder = top.joinpath(*parts)
    try:
        if parts and folder.lstat().st_uid != os.geteuid():
            _note(passed, folder, "is somebody else's")
            return []
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        _note(passed, folder, error.strerror or "cannot be read")
        return []


def _checked(
    top: Path, parts: tuple[str, ...], entry: os.DirEntry[str], passed: list[PassedOver]
) -> ForeignFile | None:
    path = top.joinpath(*parts)
    try:
        found = entry.stat(follow_symlinks=False)
    except OSError as error:
        _note(passed, path, error.strerror or "cannot be read")
        return None
    if stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid():
        return ForeignFile(parts=parts, path=path, size=found.st_size, changed_ns=found.st_mtime_ns)
    why = "is a link" if stat.S_ISLNK(found.st_mode) else "is no plain file of yours"
    _note(passed, path, why)
    return None


def _note(passed: list[PassedOver], place: Path, why: str) -> None:
    if len(passed) < MAX_PASSED:
        passed.append(PassedOver(place=str(place), why=why))
