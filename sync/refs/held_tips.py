"""Does a repository hold the tips of its refs still? Found out without git, as long as none of its packs changed.

An object lies in a file of its own, or in a pack (gitrepository-layout(5), objects): it can be lost by that file, or by
a change in the folder of packs. So git is asked once of what is packed, and again when that folder is another.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection
from pathlib import Path

from sync.refs.listed_refs import SECOND, SETTLED_NANOSECONDS
from sync.remote import Oid

Packs = tuple[int, int]
"""What tells whether the folder of packs is as it was: its inode, and when it was changed."""


class HeldTips:
    """Those of one repository. Safe to use from several threads."""

    def __init__(self, objects: Path) -> None:
        self._objects = objects
        self._known: tuple[Packs | None, frozenset[Oid]] = (None, frozenset())
        """What git said is there, and how the packs were before: one value, as threads may ask at the same time."""

    def packs(self) -> Packs | None:
        """None where it would not tell: they changed a moment ago, or objects are in other places, too."""
        now = time.time_ns()
        try:
            found = (self._objects / "pack").stat()
        except OSError:
            return None
        settled = found.st_mtime_ns % SECOND and found.st_mtime_ns < now - SETTLED_NANOSECONDS
        return (found.st_ino, found.st_mtime_ns) if settled and not self._alternates() else None

    def hold(self, oids: Collection[Oid]) -> bool:
        """Whether all are surely there; if not, git knows."""
        packs, packed = self._known
        if packs is None or packs != self.packs():
            packed = frozenset()
        return all(oid in packed or self._is_loose(oid) for oid in oids)

    def note(self, oids: Collection[Oid], packs: Packs | None) -> None:
        """Git says that these are there; `packs` is as it was before git was asked."""
        self._known = (packs, frozenset(oids))

    def _alternates(self) -> bool:
        return os.path.lexists(self._objects / "info" / "alternates")

    def _is_loose(self, oid: Oid) -> bool:
        try:
            return os.stat(f"{self._objects}/{oid[:2]}/{oid[2:]}").st_size > 0  # noqa: PTH116 - a Path takes as long
        except OSError:
            return False
