"""How is a folder walked, and taken away, that somebody may have made so that it cannot be?

A tree of a thousand levels is deeper than Python's own stack, and some are longer than the kernel's longest path; a
folder without write permission (Go's module cache is full of them) keeps what is in it. So each folder is opened and
made ours without following a link, and what lies below is moved to the top before it is looked at.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

OPEN_PATH_FLAGS = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
MOVED_PREFIX = ".removed-"
SPECIAL_KINDS = frozenset({stat.S_IFIFO, stat.S_IFSOCK, stat.S_IFCHR, stat.S_IFBLK})
OPENED_BY_GIT = frozenset({".gitignore", ".gitattributes", ".gitmodules", ".mailmap"})
"""What git opens wherever it looks at a tree; in a pipe of such a name it would wait until somebody writes."""


def walk_entries(path: Path | str) -> Iterator[os.DirEntry[str]]:
    """Everything below a folder, an outer folder before what is in it. Links are not followed; what cannot be read, or
    goes away meanwhile, is left out.
    """
    waiting = [str(path)]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as found:
                here = sorted(found, key=lambda each: each.name)
        except OSError:
            continue
        yield from here
        waiting += (each.path for each in reversed(here) if each.is_dir(follow_symlinks=False))


def remove_pipes(path: Path) -> None:
    """Takes away what git would open and wait in. It stores no pipe, socket or device anyway. Raises OSError."""
    for each in walk_entries(path):
        if each.name in OPENED_BY_GIT and stat.S_IFMT(each.stat(follow_symlinks=False).st_mode) in SPECIAL_KINDS:
            Path(each.path).unlink(missing_ok=True)


def remove_tree(path: Path) -> bool:
    """Takes a folder away with all that is in it; returns whether it is gone. Nothing may be running in it."""
    with contextlib.suppress(RecursionError):  # what is left goes level by level
        shutil.rmtree(path, ignore_errors=True)
    if path.is_dir() and not path.is_symlink():
        try:
            _empty_folder(path)
            path.rmdir()
        except OSError:
            return False
    return not os.path.lexists(path)


def _empty_folder(path: Path) -> None:
    """Empties a folder, whatever is in it. Raises OSError."""
    top = _open_writable_folder(str(path), None)
    try:
        number = 0
        while names := os.listdir(top):  # noqa: PTH208  # by handle
            for name in names:
                number = _remove_entry(name, top, number)
    finally:
        os.close(top)


def _remove_entry(name: str, top: int, number: int) -> int:
    """Takes away one thing at the top; the folders in it come to the top. Raises OSError."""
    try:
        folder = _open_writable_folder(name, top)
    except NotADirectoryError:
        os.unlink(name, dir_fd=top)
        return number
    try:
        with os.scandir(folder) as entries:
            found = [(each.name, each.is_dir(follow_symlinks=False)) for each in entries]
        for inner, is_folder in found:
            if not is_folder:
                os.unlink(inner, dir_fd=folder)
                continue
            os.close(_open_writable_folder(inner, folder))  # a folder can be moved by nobody who may not write in it
            number += 1
            os.rename(inner, f"{MOVED_PREFIX}{number}", src_dir_fd=folder, dst_dir_fd=top)
    finally:
        os.close(folder)
    os.rmdir(name, dir_fd=top)
    return number


def _open_writable_folder(name: str, folder: int | None) -> int:
    """A handle on a folder that this user may read and write from now on. Raises NotADirectoryError, OSError."""
    place = os.open(name, OPEN_PATH_FLAGS, dir_fd=folder)
    try:
        os.chmod(f"/proc/self/fd/{place}", 0o700)  # noqa: PTH101  # by handle: a name may be a link
        return os.open(f"/proc/self/fd/{place}", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    finally:
        os.close(place)
