"""How do two processes of one machine take turns?"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

PAUSE = 0.05
"""Seconds between two tries."""

if os.name == "nt":  # pragma: no cover  # not tested here
    import msvcrt

    def _try(number: int) -> None:
        msvcrt.locking(number, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
else:
    import fcntl

    def _try(number: int) -> None:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextmanager
def locked(path: Path, *, give_up: Callable[[], bool] = lambda: False) -> Iterator[bool]:
    """Holds the lock that `path` stands for; the system lets go of it when its holder dies.

    Waits for its turn until `give_up` says to stop; yields whether it holds the lock.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        while True:
            try:
                _try(file.fileno())
            except OSError:
                if give_up():
                    yield False
                    return
                time.sleep(PAUSE)
            else:
                yield True
                return
