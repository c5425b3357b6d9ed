"""How do files of the node get into the home folder of a run that may have made a trap of it?

From the second round on the folder is what the agent left: a name in it may be a link to a file of this person's. So
nothing is written through a link, and what stands in the way is taken away.
"""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

OPEN_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
CREATE_FILE_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
PROMPT_FILE = ".shiftbook-prompt"
MAX_LOGIN_FILE_BYTES = 1024 * 1024
"""Bytes of the largest log-in file that is lent."""


def write_home_file(home: Path, name: str, content: str | bytes) -> Path:
    """Writes `name` (a relative path) below `home`, for this user alone; returns where it is. Raises OSError."""
    path = PurePosixPath(name)
    with _folder_handle(home, path.parent.parts) as folder:
        _remove_entry(path.name, folder)
        handle = os.open(path.name, CREATE_FILE_FLAGS, 0o600, dir_fd=folder)
        with os.fdopen(handle, "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode("utf-8", "replace"))
    return home / name


def remove_home_file(home: Path, name: str) -> None:
    """Takes `name` (a relative path) out of `home`; a folder, or what stands in the way, is moved aside. Raises
    OSError."""
    path = PurePosixPath(name)
    with _folder_handle(home, path.parent.parts) as folder:
        _remove_entry(path.name, folder)


def stdin_command(home: Path, prompt: str, *words: str) -> tuple[str, ...]:
    """The command line of a program that reads its prompt from standard input: as a word it would be in every list of
    processes, may be no longer than 128 KiB, and could be taken for an option. Raises OSError.
    """
    return ("/bin/sh", "-c", 'exec "$@" <"$0"', str(write_home_file(home, PROMPT_FILE, prompt)), *words)


def copy_login_file(home: Path, name: str, person: Path | None = None) -> bool:
    """Lends a person's log-in file to the run, at the same place below its home; whether there is one.

    Not again once it is there: the program may have renewed what is in it. Raises OSError.
    """
    source = (person or Path.home()) / name
    if not source.is_file() or source.stat().st_size > MAX_LOGIN_FILE_BYTES:
        return False
    if not _is_plain_file(home, name):
        write_home_file(home, name, source.read_bytes())
    return True


def _is_plain_file(home: Path, name: str) -> bool:
    path = PurePosixPath(name)
    with _folder_handle(home, path.parent.parts) as folder:
        try:
            return stat.S_ISREG(os.stat(path.name, dir_fd=folder, follow_symlinks=False).st_mode)
        except FileNotFoundError:
            return False


@contextmanager
def _folder_handle(home: Path, parts: tuple[str, ...]) -> Iterator[int]:
    """A handle on a folder below `home`, which is made where it is none."""
    here = os.open(home, OPEN_FOLDER_FLAGS)
    try:
        for name in parts:
            below = _open_or_make_folder(name, here)
            os.close(here)
            here = below
        yield here
    finally:
        os.close(here)


def _open_or_make_folder(name: str, folder: int) -> int:
    try:
        return os.open(name, OPEN_FOLDER_FLAGS, dir_fd=folder)
    except FileNotFoundError:
        pass
    except OSError:
        os.unlink(name, dir_fd=folder)  # a link or a file that stands in the way
    os.mkdir(name, 0o700, dir_fd=folder)
    return os.open(name, OPEN_FOLDER_FLAGS, dir_fd=folder)


def _remove_entry(name: str, folder: int) -> None:
    try:
        os.unlink(name, dir_fd=folder)
    except FileNotFoundError:
        return
    except IsADirectoryError:
        os.rename(name, f"{name}.{secrets.token_hex(4)}", src_dir_fd=folder, dst_dir_fd=folder)
