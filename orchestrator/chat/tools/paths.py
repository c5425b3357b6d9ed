"""How is a file reached by a path that a model wrote, without ever leaving the workspace?

Each part of the path is opened from the folder before it, and none may be a symbolic link: there is no moment between
a check and a use in which somebody could swap one in. Only plain files are read and written.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from missions.one_line import shorten
from orchestrator.core.errors import Refused
from sync import files

MAX_FILE_BYTES = 2 * 1024 * 1024
"""Bytes of the largest file that is read or written whole."""
_READ_FLAGS = os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
_FOLDER_FLAGS = _READ_FLAGS | getattr(os, "O_DIRECTORY", 0)


class PathRefused(Refused):
    """A path leads out of the workspace, or to something that is not a plain file."""


class PathNotFound(Refused):
    """A path leads to nothing."""


@dataclass(frozen=True, kw_only=True)
class WorkspaceFiles:
    """A workspace: `root` is its folder, `protected` are paths in it that are read but not written."""

    root: Path
    protected: frozenset[str] = frozenset({".git"})

    def read(self, path: str) -> bytes:
        """A file's bytes. Raises OutOfPlace and Absent."""
        with self._parent(path) as (folder, name):
            number = _open_plain(folder, name, path)
            with os.fdopen(number, "rb") as file:
                data = file.read(MAX_FILE_BYTES + 1)
        if len(data) > MAX_FILE_BYTES:
            raise PathRefused(f"{_quote(path)} is larger than {MAX_FILE_BYTES:,} bytes")
        return data

    def write(self, path: str, data: bytes) -> bool:
        """Puts a file there, whole or not at all, making its folders; returns whether it was new.

        It is written beside and renamed, so that a hard link to another file is replaced and not written through.
        Raises OutOfPlace.
        """
        if len(data) > MAX_FILE_BYTES:
            raise PathRefused(f"{_quote(path)} would be larger than {MAX_FILE_BYTES:,} bytes")
        if any(part.lower() in self.protected for part in path_parts(path)):
            raise PathRefused(f"{_quote(path)} may be read, not written")
        with self._parent(path, make=True) as (folder, name):
            there = _plain_mode(folder, name, path)
            mode = None if there is None else stat.S_IMODE(there) & 0o777
            files.replace(Path(name), data, mode=mode, folder=folder)
        return there is None

    def inside(self, path: str) -> str:
        """The path, plain and relative, of a file or a folder that is really inside; "." for the root itself.

        Raises OutOfPlace and Absent.
        """
        if path.strip() in ("", ".", "./"):
            return "."
        with self._parent(path) as (folder, name):
            mode = _mode(folder, name)
            if mode is None:
                raise PathNotFound(f"there is no {_quote(path)}")
            if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
                raise PathRefused(f"{_quote(path)} is neither a file nor a folder")
        return str(PurePosixPath(*path_parts(path)))

    @contextmanager
    def _parent(self, path: str, *, make: bool = False) -> Iterator[tuple[int, str]]:
        """The open folder that holds the path's last part, and that part."""
        *above, name = path_parts(path)
        folder = os.open(self.root, _FOLDER_FLAGS)
        try:
            for part in above:
                below = _open_folder(folder, part, path, make=make)
                os.close(folder)
                folder = below
            yield folder, name
        finally:
            os.close(folder)


def path_parts(path: str) -> tuple[str, ...]:
    """The path's parts. Raises OutOfPlace for one that is absolute, empty, or climbs."""
    pure = PurePosixPath(path.replace("\\", "/") if os.name == "nt" else path)
    if not path.strip() or "\0" in path or pure.is_absolute() or not pure.parts:
        raise PathRefused(f"{_quote(path)} is not a path inside the workspace: write it relative to its root")
    if ".." in pure.parts or len(path) > 4096 or Path(path).drive:
        raise PathRefused(f"{_quote(path)} leads out of the workspace")
    return pure.parts


def _open_folder(folder: int, part: str, path: str, *, make: bool) -> int:
    if make and _mode(folder, part) is None:
        os.mkdir(part, dir_fd=folder)  # pathlib knows no dir_fd
    try:
        return os.open(part, _FOLDER_FLAGS, dir_fd=folder)
    except FileNotFoundError:
        raise PathNotFound(f"there is no {_quote(path)}") from None
    except OSError as error:  # ELOOP or ENOTDIR: a link, or a file in the place of a folder
        raise PathRefused(f"{_quote(path)}: “{part}” is not a folder (links are not followed)") from error


def _open_plain(folder: int, name: str, path: str) -> int:
    if _plain_mode(folder, name, path) is None:  # before opening: opening a device can already do something
        raise PathNotFound(f"there is no {_quote(path)}")
    try:
        number = os.open(name, _READ_FLAGS, dir_fd=folder)
    except OSError as error:
        raise PathRefused(f"{_quote(path)} cannot be opened: {error.strerror}") from error
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        raise PathRefused(f"{_quote(path)} is not a plain file")
    return number


def _plain_mode(folder: int, name: str, path: str) -> int | None:
    """The mode of a plain file; None where there is nothing. Raises OutOfPlace for anything else."""
    mode = _mode(folder, name)
    if mode is not None and not stat.S_ISREG(mode):
        what = "a folder" if stat.S_ISDIR(mode) else "a link" if stat.S_ISLNK(mode) else "a device, pipe or socket"
        raise PathRefused(f"{_quote(path)} is {what}, not a plain file")
    return mode


def _mode(folder: int, name: str) -> int | None:
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode  # pathlib knows no dir_fd
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise PathRefused(f"“{name[:60]}” cannot be looked at: {error.strerror}") from error


def _quote(path: str) -> str:
    return f"“{shorten(path, 80)}”"
