"""In which pieces does a device fetch a model's file, and how does it know that each is right?"""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass, field
from pathlib import Path

PIECE_BYTES = 4 * 1024 * 1024
"""Bytes of one piece; the last one may be shorter. So much is asked for, checked and kept at a time."""
MAX_MODEL_BYTES = 1024 * 1024 * 1024
"""Bytes of the largest file that is offered: a browser's tab holds it in memory while it answers."""


class NoSuchPiece(ValueError):
    """The file has no such bytes, or more of them were asked for than a piece has."""


class ModelTooLarge(ValueError):
    """The file is larger than what a device is offered."""


@dataclass(frozen=True, kw_only=True)
class PiecedFile:
    """A file as it is offered. `digest` is SHA-256 of all of it, `pieces` that of each piece, in hex."""

    path: Path
    size: int
    digest: str
    pieces: tuple[str, ...]

    def read(self, start: int, end: int) -> bytes:
        """The bytes from `start` up to but not including `end`. Raises NoSuchPiece and OSError."""
        if not 0 <= start < end <= self.size or end - start > PIECE_BYTES:
            raise NoSuchPiece(f"ask for at most {PIECE_BYTES} of its {self.size} bytes at once")
        with self.path.open("rb") as file:
            file.seek(start)
            return file.read(end - start)


@dataclass(kw_only=True)
class PiecedFiles:
    """Reads each file once, as long as it is not changed. Threads share one."""

    _known: dict[tuple[str, int, int], PiecedFile] = field(default_factory=dict)
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def look(self, path: Path) -> PiecedFile:
        """The file as it is now; the first look reads all of it. Raises ModelTooLarge and OSError."""
        with self._turn:  # two devices at once have it read once
            found = path.stat()
            if found.st_size > MAX_MODEL_BYTES:
                raise ModelTooLarge(f"{found.st_size} bytes; devices are offered at most {MAX_MODEL_BYTES}")
            mark = str(path), found.st_size, found.st_mtime_ns
            if mark not in self._known:
                self._known.clear()  # one at a time: a node has one such file, and an older one is not asked for again
                self._known[mark] = _read(path)
            return self._known[mark]


def _read(path: Path) -> PiecedFile:
    whole, pieces, size = hashlib.sha256(), [], 0
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            whole.update(piece)
            pieces.append(hashlib.sha256(piece).hexdigest())
            size += len(piece)
    return PiecedFile(path=path, size=size, digest=whole.hexdigest(), pieces=tuple(pieces))
