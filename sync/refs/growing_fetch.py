"""Does a command still bring something? As long as the files in a folder grow: a line may be slow, not stand still.

A fetch that is broken off begins anew. So a limit of its whole time keeps a person with a slow line out of a large
ledger for ever, and one of the time in which nothing comes keeps nobody out.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from time import monotonic

from sync.errors import GitTimeout
from sync.git import Git

AS_PACK = ("-c", "fetch.unpackLimit=1")
"""Before `fetch`: also a few objects are written as they come. By itself git holds them until it has the last one."""


BROKEN_OFF = "shiftbook-broken-off"
"""A file beside the objects: the last fetch was broken off here, so the next one is written as it comes. A later one
of few objects git else unpacks, and of one large file it then writes nothing before it has all of it."""


class Growth:
    """What is in a folder, as it was when somebody last looked."""

    def __init__(self, folder: Path, seconds: float, clock: Callable[[], float]) -> None:
        self._folder, self._seconds, self._clock = folder, seconds, clock
        self._seen, self._since = _size(folder), clock()

    def stands_still(self) -> bool:
        """Whether nothing has come or gone for so many seconds."""
        now, size = self._clock(), _size(self._folder)
        if size != self._seen:
            self._seen, self._since = size, now
        return now - self._since >= self._seconds


def bring(
    git: Git,
    *words: str,
    objects: Path,
    silence: float,
    stdin: bytes = b"",
    codes: Sequence[int] = (0,),
    env: Mapping[str, str] | None = None,
    stopped: Callable[[], bool] = lambda: False,
    ours: bool = False,
) -> tuple[int, str]:
    """Runs a fetch or a clone that writes below the folder `objects`; its exit code and what it said on stderr.

    Raises GitError, and GitTimeout when nothing came for `silence` seconds or `stopped` said so; how long it takes in
    all is not limited. In a repository that is `ours` what such a fetch has brought of a pack goes, as git begins it
    anew; in a person's clone their own git may still be at it.
    """
    growth, mark = Growth(objects / "pack", silence, monotonic), objects.parent / BROKEN_OFF
    before = _begun_packs(objects)
    again = words[0] == "fetch" and mark.exists()
    line = (*AS_PACK, *words) if again else words

    def over() -> bool:
        return stopped() or growth.stands_still()

    try:
        code, _, said = git.call(*line, stdin=stdin, timeout=float("inf"), codes=codes, env=env, stopped=over)
    except GitTimeout:
        if words[0] == "fetch" and not stopped():
            with suppress(OSError):  # a full disk, or a folder of somebody else's: then it is as it was
                mark.touch()
        if ours and not stopped():
            for path in _begun_packs(objects) - before:
                path.unlink(missing_ok=True)
        raise GitTimeout(words, silence) from None
    if again:
        mark.unlink(missing_ok=True)
    return code, said


def _begun_packs(objects: Path) -> set[Path]:
    """What git-index-pack(1) writes before a pack is whole, and leaves behind when it is killed."""
    return set((objects / "pack").glob("tmp_*"))


def _size(folder: Path) -> tuple[int, int]:
    """How many files, and how many bytes in them; git may be moving them."""
    try:
        with os.scandir(folder) as entries:
            sizes = [entry.stat().st_size for entry in entries]
    except FileNotFoundError:
        return 0, 0
    return len(sizes), sum(sizes)
