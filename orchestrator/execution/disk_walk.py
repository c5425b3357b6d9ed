"""A walk over the disk: how much lies below some folders, whoever made them so that it cannot be counted?

A path may be longer than the kernel takes, a folder may be closed even to its owner, and a file may have no name any
more while somebody holds it open. What cannot be counted is told, so that nobody takes it for nothing.
"""

from __future__ import annotations

import functools
import os
import re
import stat
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

MAX_NAMED_PATH_CHARS = 3000
"""A longer path goes on by handle: PATH_MAX is 4,096 bytes, and a name has up to 255."""
MAX_HANDLES = 200
FILES_BETWEEN = 256
IN_FLIGHT = re.compile(rb"(?m)^scm_fds:\s*(\d+)")
"""What /proc tells of a local socket (Linux 5.6 and later)."""
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
    waiting, handles, linked = [str(each) for each in places], list[int](), set[tuple[int, int]]()
    size = files = hidden = 0
    try:
        while waiting:
            try:
                with os.scandir(_short_path(waiting.pop(), handles)) as entries:
                    for entry in entries:
                        found = entry.stat(follow_symlinks=False)
                        size, files = size + _bytes_once(found, linked), files + 1
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


def _bytes_once(found: os.stat_result, linked: set[tuple[int, int]]) -> int:
    """Bytes of a file; of one with several names, those of the first that is met."""
    if found.st_nlink > 1 and not stat.S_ISDIR(found.st_mode):
        if (found.st_dev, found.st_ino) in linked:
            return 0
        linked.add((found.st_dev, found.st_ino))
    return found.st_blocks * 512


def _short_path(path: str, handles: list[int]) -> str:
    """A path that the kernel takes, by the handle of a folder on its way if need be. Raises OSError."""
    if len(os.fsencode(path)) <= MAX_NAMED_PATH_CHARS:
        return path
    if len(handles) >= MAX_HANDLES:
        raise OSError("nested too deeply")
    handles.append(os.open(path, OPEN_FLAGS))
    return f"/proc/self/fd/{handles[-1]}"


def unlinked_bytes(processes: Collection[int], device: int) -> int:
    """Bytes on one disk (`st_dev`) in files without a name that these processes hold open or mapped."""
    mapped = {key: size for key, size in _mapped_unlinked(processes).items() if key[0] == device}
    return sum((mapped | _open_files(processes, lambda found: found.st_dev == device)).values())


def _mapped_unlinked(processes: Iterable[int]) -> dict[tuple[int, int], int]:
    """Files without a name that are mapped, and how far: what they hold is not told, and no more than that."""
    found: dict[tuple[int, int], int] = {}
    for process in processes:
        try:
            lines = Path(f"/proc/{process}/maps").read_bytes().splitlines()
        except OSError:
            continue  # it has ended
        for words in (line.split(maxsplit=5) for line in lines if line.endswith(b" (deleted)")):
            start, _, end = words[0].partition(b"-")
            major, _, minor = words[3].partition(b":")
            key = os.makedev(int(major, 16), int(minor, 16)), int(words[4])
            found[key] = max(found.get(key, 0), int(words[2], 16) + int(end, 16) - int(start, 16))
    return found


def descriptors_in_flight(processes: Iterable[int]) -> int:
    """How many descriptors lie in these processes' sockets, sent and not received: nobody can look into those."""
    return sum(map(_in_flight, processes))


def _in_flight(process: int) -> int:
    number = 0
    try:
        for each in os.scandir(f"/proc/{process}/fd"):
            if _is_socket(each.path):
                with suppress(OSError):  # it was closed meanwhile, which says nothing of the others
                    found = IN_FLIGHT.search(Path(f"/proc/{process}/fdinfo/{each.name}").read_bytes())
                    number += int(found[1]) if found else 0
    except OSError:
        pass  # the process has ended
    return number


def _is_socket(path: str) -> bool:
    try:
        return stat.S_ISSOCK(os.stat(path).st_mode)  # noqa: PTH116  # thousands of them
    except OSError:
        return False


def _open_files(processes: Iterable[int], counts: Callable[[os.stat_result], bool]) -> dict[tuple[int, int], int]:
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
    return found


def memory_file_bytes(processes: Iterable[int]) -> int:
    """Bytes in files of memory alone (memfd_create(2)) that these processes hold open, mapped or not."""
    return sum(_open_files(processes, lambda found: found.st_dev == _memory_device()).values())


def shared_memory_bytes() -> int:
    """Bytes of this machine's memory that files and segments in memory take, whoever's they are."""
    for line in Path("/proc/meminfo").read_bytes().splitlines():
        if line.startswith(b"Shmem:"):
            return int(line.split()[1]) * 1024
    return 0


@functools.cache
def _memory_device() -> int:
    """The kernel's own mount, on which such files lie."""
    handle = os.memfd_create("device")
    try:
        return os.fstat(handle).st_dev
    finally:
        os.close(handle)
