"""A walk over the disk: how much lies below some folders, whoever made them so that it cannot be counted?

A path may be longer than the kernel takes, a folder may be closed even to its owner, and a file may have no name any
more while somebody holds it open. What cannot be counted is told, so that nobody takes it for nothing.
"""

from __future__ import annotations

import functools
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

MAX_NAMED_PATH_CHARS = 3000
"""A longer path goes on by handle: PATH_MAX is 4,096 bytes, and a name has up to 255."""
MAX_HANDLES = 200
FILES_BETWEEN = 256
OPEN_FLAGS = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Bytes on disk and files so far; `hidden` is how many folders could not be looked into."""

    size: int
    files: int
    hidden: int


def measure(places: Iterable[Path]) -> Iterator[Measured]:
    """What lies below the folders so far, again and again, and at last in all: whoever has seen enough stops.

    Links are not followed; what goes away meanwhile counts nothing.
    """
    waiting, handles = [str(each) for each in places], list[int]()
    size = files = hidden = 0
    try:
        while waiting:
            try:
                with os.scandir(_short_path(waiting.pop(), handles)) as entries:
                    for entry in entries:
                        found = entry.stat(follow_symlinks=False)
                        size, files = size + found.st_blocks * 512, files + 1
                        waiting += [entry.path] if stat.S_ISDIR(found.st_mode) else []
                        if files % FILES_BETWEEN == 0:
                            yield Measured(size=size, files=files, hidden=hidden)
            except (FileNotFoundError, NotADirectoryError):
                continue  # it was taken away meanwhile
            except OSError:
                hidden += 1
        yield Measured(size=size, files=files, hidden=hidden)
    finally:
        for handle in handles:
            os.close(handle)


def _short_path(path: str, handles: list[int]) -> str:
    """A path that the kernel takes, by the handle of a folder on its way if need be. Raises OSError."""
    if len(os.fsencode(path)) <= MAX_NAMED_PATH_CHARS:
        return path
    if len(handles) >= MAX_HANDLES:
        raise OSError("nested too deeply")
    handles.append(os.open(path, OPEN_FLAGS))
    return f"/proc/self/fd/{handles[-1]}"


def unlinked_bytes(processes: Iterable[int], device: int) -> int:
    """Bytes on one disk (`st_dev`) in files without a name that these processes hold open."""
    return _open_bytes(processes, lambda found: found.st_dev == device)


def _open_bytes(processes: Iterable[int], counts: Callable[[os.stat_result], bool]) -> int:
    found: dict[tuple[int, int], int] = {}
    for process in processes:
        try:
            descriptors = list(os.scandir(f"/proc/{process}/fd"))
        except OSError:
            continue  # it has ended
        for each in descriptors:
            try:
                info = os.stat(each.path)  # noqa: PTH116  # thousands of them
            except OSError:
                continue
            if info.st_nlink == 0 and stat.S_ISREG(info.st_mode) and counts(info):
                found[info.st_dev, info.st_ino] = info.st_blocks * 512
    return sum(found.values())


def memory_file_bytes(processes: Iterable[int]) -> int:
    """Bytes in files of memory alone (memfd_create(2)) that these processes hold open, mapped or not."""
    return _open_bytes(processes, lambda found: found.st_dev == _memory_device())


@functools.cache
def _memory_device() -> int:
    """The kernel's own mount, on which such files lie."""
    handle = os.memfd_create("device")
    try:
        return os.fstat(handle).st_dev
    finally:
        os.close(handle)
