"""How do processes and threads take turns at something on this disk?

By a lock on a file, as filelock takes it. A file that nobody holds is locked here: to load filelock takes a tenth of
all that a list of missions does. Whoever has to wait, and whatever is odd about the disk, is filelock's.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def file_turn(path: Path) -> Iterator[None]:
    """Until the block is left nobody else has the file at `path`; it is made, and left where it is. Raises OSError."""
    held = _take_free(path)
    if held is None:
        from filelock import FileLock

        with FileLock(path):
            yield
        return
    try:
        yield
    finally:
        os.close(held)  # which lets it go


def _take_free(path: Path) -> int | None:
    """The locked file; None where that did not work at once."""
    try:
        number = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o644)
    except OSError:
        return None
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(number)
        return None
    return number
