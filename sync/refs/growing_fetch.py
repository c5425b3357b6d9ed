"""Does a fetch still go on? As long as what it brings grows, or git says how far it is: a line may be slow, not silent.

A fetch that is broken off begins anew. So a limit of its whole time keeps a person with a slow line out of a large
ledger for ever, and one of the time in which nothing comes keeps nobody out. While a server counts what there is, and
while this machine puts a large pack together, nothing comes: then git's progress is the sign of life.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from time import monotonic

from sync.errors import GitTimeout, verb
from sync.git import Git
from sync.process.progress_words import said_bytes

AS_PACK = ("-c", "fetch.unpackLimit=1")
"""Before `fetch`: also a few objects are written as they come. By itself git holds them until it has the last one."""
MAX_TALK = 10
"""So many times the limit progress alone keeps a fetch alive: the server says it, and may say it for ever."""
BROKEN_OFF = "shiftbook-broken-off"
"""A file beside the objects: the last fetch was broken off here, so the next one is written as it comes. A later one
of few objects git else unpacks, and of one large file it then writes nothing before it has all of it."""


class Growth:
    """What is in a folder, and how much was `said`, as it was when somebody last looked."""

    def __init__(
        self, folder: Path, seconds: float, clock: Callable[[], float], said: Callable[[], int] = lambda: 0
    ) -> None:
        self._folder, self._seconds, self._clock, self._said = folder, seconds, clock, said
        self._seen, self._heard = _size(folder), said()
        self._grew = self._moved = clock()
        self.limit = seconds
        """The limit in seconds that was reached, once it was."""

    def stands_still(self) -> bool:
        """Whether nothing has come, gone or been said for so many seconds; or only said, MAX_TALK times as long."""
        now, seen, heard = self._clock(), _size(self._folder), self._said()
        if seen != self._seen:
            self._grew = self._moved = now
        if heard != self._heard:
            self._moved = now
        self._seen, self._heard = seen, heard
        if now - self._grew >= self._seconds * MAX_TALK:
            self.limit = self._seconds * MAX_TALK
            return True
        return now - self._moved >= self._seconds


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

    Raises GitError, and GitTimeout when nothing came and no progress was told for `silence` seconds, nothing came for
    MAX_TALK times as long, or `stopped` said so; how long it takes in all is not limited. `words` must not have
    --quiet: git then says nothing of what it does here. In a repository that is `ours` what such a fetch has brought of
    a pack goes, as git begins it anew; in a person's clone their own git may still be at it.
    """
    mark, before = objects.parent / BROKEN_OFF, _begun_packs(objects)
    again = words[0] == "fetch" and mark.exists()
    first = words.index(verb(words)) + 1
    line = (*(AS_PACK if again else ()), *words[:first], "--progress", *words[first:])
    with tempfile.TemporaryFile() as said:
        growth = Growth(objects / "pack", silence, monotonic, lambda: said_bytes(said))

        def over() -> bool:
            return stopped() or growth.stands_still()

        try:
            code, _, told = git.call(
                *line, stdin=stdin, timeout=float("inf"), codes=codes, env=env, stopped=over, said=said
            )
        except GitTimeout:
            if words[0] == "fetch" and not stopped():
                with suppress(OSError):  # a full disk, or a folder of somebody else's: then it is as it was
                    mark.touch()
            if ours and not stopped():
                for path in _begun_packs(objects) - before:
                    path.unlink(missing_ok=True)
            raise GitTimeout(words, growth.limit) from None
    if again:
        mark.unlink(missing_ok=True)
    return code, told


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
