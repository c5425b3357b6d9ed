"""Upkeep of the home folder: which indexes of this machine have older versions of the program left behind?

An index's name ends with the number of its tables, so that two versions don't undo each other's work. It is a cache.
One that nobody has written to for weeks is no version's any more; whoever goes back to that version makes it again.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from orchestrator.core.ports.model import Stop
from orchestrator.ledger.snapshot import LedgerSnapshot

GRACE_SECONDS = 30 * 86_400.0
"""Since anything was written to an index, its log or its journal."""
_CURRENT = re.compile(r"(recall(?:-transcripts)?)-(\d{1,4})\.db", re.ASCII)
_PARTS = r"(?:-journal|-wal|-shm)?"
"""What SQLite has beside a database (https://www.sqlite.org/tempfiles.html)."""


@dataclass(frozen=True, kw_only=True)
class OutdatedIndexes:
    """Removes them. `current` are the paths of the indexes as this version calls them; `now` is seconds since 1970."""

    current: tuple[Path, ...]
    now: Callable[[], float]
    name: str = "indexes of older versions"
    shared: bool = False

    def run(self, ledger: LedgerSnapshot, stop: Stop) -> str:
        """One index after another: a piece that is left behind goes the next time. Raises OSError."""
        gone = 0
        for index in self.current:
            for files in self._outdated(index):
                if stop.is_set():
                    break
                for file in files:
                    file.unlink(missing_ok=True)
                gone += 1
        return f"{gone} index{'es' * (gone != 1)} of an older version removed" if gone else ""

    def _outdated(self, index: Path) -> Iterator[list[Path]]:
        """By older number: the plain files of exactly that name in the index's own folder, all of them at rest."""
        own = _CURRENT.fullmatch(index.name)
        if own is None or not index.parent.is_dir():
            return
        bare = r"|\.db" if own[1] == "recall" else ""  # the very first one had no number
        theirs = re.compile(rf"{own[1]}(?:-(\d{{1,4}})\.db{bare}){_PARTS}", re.ASCII)
        found = defaultdict[int, list[os.DirEntry[str]]](list)
        with os.scandir(index.parent) as entries:
            for entry in entries:
                match = theirs.fullmatch(entry.name)
                if match is not None and int(match[1] or 0) < int(own[2]):
                    found[int(match[1] or 0)].append(entry)
        for _, files in sorted(found.items()):
            plain = all(file.is_file(follow_symlinks=False) for file in files)
            if plain and all(self.now() - file.stat(follow_symlinks=False).st_mtime > GRACE_SECONDS for file in files):
                yield [index.parent / file.name for file in files]
