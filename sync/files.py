"""How are files replaced so that a crash, or a power cut, leaves the old one or the new one, whole?

Each is written beside its place, flushed to the disk and renamed; then the folder is flushed, which holds the name.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

UNFINISHED_SUFFIX = ".new"
"""How the name of a file ends that has not got its place yet. What a killed process leaves of it may be removed."""
MAX_FLUSHES = 16
"""Files that the disk is asked to keep at the same time."""


def replace(
    path: Path, data: bytes | str, *, durable: bool = True, mode: int | None = None, folder: int | None = None
) -> None:
    """Puts `data` at `path`, text as UTF-8; a link there is replaced, not followed.

    `mode` is the file's, exactly; by itself the process's umask decides. `folder` is an open folder that `path` is
    relative to. Without `durable` a power cut may leave an empty file: for what can be lost, such as a cache. Raises
    OSError.
    """
    beside = path.with_name(f".shiftbook-{secrets.token_hex(8)}{UNFINISHED_SUFFIX}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)
    number = os.open(beside, flags, 0o666 if mode is None else mode, dir_fd=folder)
    try:
        with os.fdopen(number, "wb") as file:
            if mode is not None:
                os.fchmod(number, mode)
            file.write(data.encode() if isinstance(data, str) else data)
            if durable:
                file.flush()
                os.fsync(number)
        os.rename(beside, path, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(beside, dir_fd=folder)
        raise
    if durable:
        _flush(path.parent) if folder is None else os.fsync(folder)


def place_all(found: Mapping[Path, bytes], *, mode: int) -> None:
    """Puts new files in their places, in this order: none has its name before the contents of all are on the disk.

    The names may still be lost by a power cut until `flush` has seen their folders. Raises OSError.
    """
    beside = {path.with_name(f".shiftbook-{secrets.token_hex(8)}{UNFINISHED_SUFFIX}"): path for path in found}
    try:
        for part, path in beside.items():
            part.write_bytes(found[path])
            part.chmod(mode)
        flush(beside)
        for part, path in beside.items():
            part.replace(path)
    except BaseException:
        for part in beside:
            part.unlink(missing_ok=True)
        raise


def flush(paths: Iterable[Path]) -> None:
    """Has the disk keep what files, or folders' names, are now; what is gone by now needs none. Raises OSError.

    All at once: a disk that is asked for a hundred together writes them in a tenth of the time.
    """
    found = list(paths)
    asked = [_flushers(os.getpid()).submit(_flush_if_there, path) for path in found[1:]]
    try:
        for path in found[:1]:
            _flush_if_there(path)
    finally:
        failures = [failed for each in asked if (failed := each.exception())]  # which waits for all
    if failures:
        raise failures[0]


def move_into_place(part: Path, path: Path, *, durable: bool = True) -> None:
    """Gives a file that is complete its name; both are in one file system. Raises OSError."""
    if durable:
        _flush(part)
    part.replace(path)
    if durable:
        _flush(path.parent)


def point(link: Path, target: Path) -> None:
    """Has the symbolic link `link` lead to `target` from now on; whoever follows it finds one or the other.

    Raises OSError.
    """
    beside = link.with_name(f".shiftbook-{secrets.token_hex(8)}{UNFINISHED_SUFFIX}")
    beside.symlink_to(target)
    try:
        beside.replace(link)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    _flush(link.parent)


def create(path: Path, data: bytes, *, mode: int) -> bool:
    """Puts `data` at `path` unless something is there; says whether it did. Of several processes one does.

    Raises OSError.
    """
    beside = path.with_name(f".shiftbook-{secrets.token_hex(8)}{UNFINISHED_SUFFIX}")
    replace(beside, data, mode=mode)
    try:
        os.link(beside, path)
    except FileExistsError:
        return False
    finally:
        beside.unlink()
    _flush(path.parent)
    return True


@cache
def _flushers(_process: int) -> ThreadPoolExecutor:
    """Threads that stay: to start one takes as long as a quick disk does. A forked process has none of another's."""
    from concurrent.futures import ThreadPoolExecutor  # what only reads need not load it

    return ThreadPoolExecutor(MAX_FLUSHES, "flush")


def _flush_if_there(path: Path) -> None:
    with suppress(FileNotFoundError):
        _flush(path)


def _flush(path: Path) -> None:
    """Has the disk keep what a file, or a folder's names, are now."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def expand_home(path: str | Path) -> Path:
    """The path with a `~` at its beginning read; as it is where there is no such user."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)
