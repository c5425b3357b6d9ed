"""Have a clone's own refs changed since git last listed them? Then git is asked again, and else not.

An idle node fetches all the time and finds nothing; half of what that takes was to have git say again how the clone
stood. git writes a ref into a file beside and puts that in place, so each change shows in what the file system says
of files and folders, whoever made it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

from sync.git import Git
from sync.remote import Oid

SETTLED_NANOSECONDS = 50_000_000
"""What has changed since less than that could change again and look the same: a file system counts in ticks of up to a
hundredth of a second. One that counts in whole seconds is not believed at all."""
SECOND = 1_000_000_000
Signature = frozenset[tuple[str, int, int, int]]
"""Of each file and folder its path, inode, size and when it was changed."""


class ListedRefs:
    """The refs below some prefixes of one repository. Safe to use from several threads."""

    def __init__(self, git: Git, *prefixes: str) -> None:
        self._git, self._prefixes = git, prefixes
        self._listed: tuple[Signature | None, dict[str, Oid]] = (None, {})
        """What git said last, and how the files were before: one value, as threads may ask at the same time."""

    def get(self) -> dict[str, Oid]:
        """As they are now. Raises GitError."""
        signature = self._sign()
        before, refs = self._listed
        if signature is None or signature != before:
            refs = self._git.refs(*self._prefixes)
            self._listed = (signature, refs)  # of before: what changed meanwhile is seen the next time
        return dict(refs)

    def _sign(self) -> Signature | None:
        """None where it would not tell: something changed a moment ago, or refs are kept in another way."""
        before = time.time_ns()
        try:
            found = frozenset(self._entries())
        except OSError:  # git is at work here
            return None
        times = [changed for *_, changed in found]
        fine = any(changed % SECOND for changed in times) and not (self._git.folder / "reftable").exists()
        return found if fine and max(times) < before - SETTLED_NANOSECONDS else None

    def _entries(self) -> Iterator[tuple[str, int, int, int]]:
        packed = self._git.folder / "packed-refs"
        if packed.exists():
            yield _entry(str(packed), packed.stat())
        for prefix in self._prefixes:
            yield from _below(self._git.folder / prefix)


def _below(folder: Path) -> Iterator[tuple[str, int, int, int]]:
    if not folder.is_dir():
        return
    yield _entry(str(folder), folder.stat())
    with os.scandir(folder) as entries:
        for each in entries:
            if each.is_dir(follow_symlinks=False):
                yield from _below(Path(each.path))
            else:
                yield _entry(each.path, each.stat())


def _entry(path: str, stat: os.stat_result) -> tuple[str, int, int, int]:
    return path, stat.st_ino, stat.st_size, stat.st_mtime_ns
