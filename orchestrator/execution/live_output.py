"""What has a running attempt said so far? Its live output, read from its folder by whoever watches on this machine.

The output is a file that an agent had a hand in, as it was said. What leaves the machine is redacted here, and cut
where no secret of several lines is torn in two: a key that is not whole yet waits for its end.
"""

from __future__ import annotations

from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from threading import Lock

from handoff.secrets.redact import redact
from missions.live_view import MAX_TAIL_BYTES

PROGRESS_FILE = "progress.txt"
MAX_PAGE_BYTES = 64 * 1024
"""Bytes of the output that one look brings."""
MAX_KEY_BYTES = 16 * 1024
"""Bytes of the longest key of several lines; what is longer is none."""
_KEY_BEGIN, _KEY_END = b"-----BEGIN ", b"-----END "


class ProgressFile:
    """What an attempt says, for whoever watches: each line stands there at once. Threads may speak at the same time.

    Open from its first line on: to open it for each is most of what half a million lines take.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._lock = path, Lock()
        self._file: FileIO | None = None

    def say(self, line: str) -> None:
        """Adds a line. Raises OSError."""
        left = (line.rstrip("\n") + "\n").encode("utf-8", "replace")
        with self._lock:
            if self._file is None:
                self._file = self._path.open("ab", buffering=0)
            while left:  # a full disk takes a part of it, and refuses the next
                left = left[self._file.write(left) :]

    def close(self) -> None:
        """Ends it; whoever speaks after that begins it again."""
        with self._lock:
            if self._file is not None:
                self._file.close()
            self._file = None


@dataclass(frozen=True, kw_only=True)
class OutputPage:
    """A piece of the output, redacted, which the file's bytes from `start` to `next` say."""

    text: str
    start: int
    next: int
    end: int
    """Bytes of the file by now."""


def read_output(path: Path, after: int, *, limit: int = MAX_PAGE_BYTES) -> OutputPage:
    """The output after so many bytes, in whole lines; a negative `after` is the end of it. Raises OSError."""
    try:
        with path.open("rb") as file:
            end = file.seek(0, 2)
            start = max(0, end - limit) if after < 0 or after > end else after
            back = max(0, start - MAX_KEY_BYTES)
            file.seek(back)
            data = file.read(start - back + limit)
    except FileNotFoundError:
        return OutputPage(text="", start=0, next=0, end=0)
    before, piece = data[: start - back], data[start - back :]
    if after < 0 and start:
        torn = piece.find(b"\n") + 1
        before, piece, start = before + piece[:torn], piece[torn:], start + torn
    piece = _whole_lines(piece, limit)
    open_key = _open_key(before)
    text = redact((open_key + piece).decode("utf-8", "replace")).text
    return OutputPage(text=text, start=start, next=start + len(piece), end=end)


def _whole_lines(piece: bytes, limit: int) -> bytes:
    """The lines of it that are whole, without a key at its end that is not."""
    whole = piece[: piece.rfind(b"\n") + 1] or (piece if len(piece) >= limit else b"")
    begun = whole.rfind(_KEY_BEGIN)
    if begun >= 0 and _KEY_END not in whole[begun:] and len(whole) - begun < MAX_KEY_BYTES:
        whole = whole[: whole.rfind(b"\n", 0, begun) + 1]
    return whole


def _open_key(before: bytes) -> bytes:
    """The beginning of a key that goes on in what is read now."""
    begun = before.rfind(_KEY_BEGIN)
    return before[begun:] if begun >= 0 and _KEY_END not in before[begun:] else b""


@dataclass(kw_only=True)
class ProgressTail:
    """The end of an output as it grows, redacted: what a live view shows. Offsets count the redacted bytes."""

    path: Path
    text: str = ""
    end: int = 0
    _at: int = -1

    def read(self) -> None:
        """Takes in what is new. Raises OSError."""
        while True:
            page = read_output(self.path, self._at)
            if self._at < 0:
                self.end = page.start
            fresh = page.next > max(self._at, page.start)
            self._at = page.next
            self.end += len(page.text.encode("utf-8", "replace"))
            self.text = last_bytes(self.text + page.text, MAX_TAIL_BYTES)
            if not fresh:
                return

    @property
    def offset(self) -> int:
        """Where its text begins."""
        return self.end - len(self.text.encode("utf-8", "replace"))


def last_bytes(text: str, limit: int) -> str:
    """The end of a text, in whole lines if it has any."""
    data = text.encode("utf-8", "replace")
    if len(data) <= limit:
        return text
    kept = data[-limit:]
    return kept[kept.find(b"\n") + 1 :].decode("utf-8", "ignore")
