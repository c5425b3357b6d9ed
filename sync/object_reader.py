"""How are many objects of one repository read at little cost?

By two `git cat-file` processes that stay (git-cat-file(1), BATCH OUTPUT): one tells sizes, the other contents. Names go
out many at a time, because to wait for each answer alone costs more than to read it; small objects are kept, since a
ledger's commits and trees are asked for again and again.
"""

from __future__ import annotations

import re
import subprocess
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator

from sync.errors import ObjectMissing, ObjectTooLarge
from sync.remote import Oid

NAMES_AT_ONCE = 500
"""Names written before the first answer is read: 64 hexadecimal digits each still fit into a pipe of 64 KiB."""
PIECE_BYTES = 1024 * 1024
"""Bytes at a time of an object that is read past."""
MAX_KEPT_BYTES, MAX_KEPT_OBJECT_BYTES = 8 * 1024 * 1024, 64 * 1024

_OID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


class ObjectReader:
    """Reads objects by name. Not safe for several threads at once."""

    def __init__(self, start: Callable[[str], subprocess.Popen[bytes]]) -> None:
        """`start` begins `git cat-file` with the option that it is given."""
        self._sizes, self._contents = _Batch(start, "--batch-check"), _Batch(start, "--batch")
        self._kept: OrderedDict[Oid, bytes] = OrderedDict()
        self._kept_bytes = 0

    def get(self, oid: Oid, limit: int) -> bytes:
        """An object's content. Raises ObjectMissing, and ObjectTooLarge past `limit` bytes, of which none is kept."""
        if oid in self._kept and len(self._kept[oid]) <= limit:
            self._kept.move_to_end(oid)
            return self._kept[oid]
        size = next(self._contents.ask([oid]), None)
        if size is None:
            raise ObjectMissing(oid)
        if size > limit:
            self._contents.skip(size)  # git has begun to say it; what comes next stands behind it
            raise ObjectTooLarge(oid, size, limit)
        return self._keep(oid, self._contents.content(oid, size))

    def size(self, oid: Oid) -> int:
        """An object's length in bytes without reading it. Raises ObjectMissing."""
        size = len(self._kept[oid]) if oid in self._kept else next(self._sizes.ask([oid]), None)
        if size is None:
            raise ObjectMissing(oid)
        return size

    def warm(self, oids: Iterable[Oid]) -> None:
        """Reads the small ones of these objects, so that asking for each costs nothing; what is missing is left out."""
        wanted = [oid for oid in dict.fromkeys(oids) if oid not in self._kept]
        for start in range(0, len(wanted), NAMES_AT_ONCE):
            names = wanted[start : start + NAMES_AT_ONCE]
            sizes = list(zip(names, self._sizes.ask(names), strict=False))
            small = [oid for oid, size in sizes if size is not None and size <= MAX_KEPT_OBJECT_BYTES]
            for oid, size in zip(small, self._contents.ask(small), strict=False):
                if size is not None:
                    self._keep(oid, self._contents.content(oid, size))

    def keep(self, oid: Oid, data: bytes) -> None:
        """Keeps an object that was just written, if it is small."""
        self._keep(oid, data)

    def close(self) -> None:
        """Ends the processes; another question begins new ones."""
        self._sizes.close()
        self._contents.close()

    def _keep(self, oid: Oid, data: bytes) -> bytes:
        if len(data) <= MAX_KEPT_OBJECT_BYTES and oid not in self._kept:
            self._kept[oid] = data
            self._kept_bytes += len(data)
        while self._kept_bytes > MAX_KEPT_BYTES:
            self._kept_bytes -= len(self._kept.popitem(last=False)[1])
        return data


class _Batch:
    """One `git cat-file`; begun at the first question, and again after it ended (a broken object ends it)."""

    def __init__(self, start: Callable[[str], subprocess.Popen[bytes]], option: str) -> None:
        self._start, self._option = start, option
        self._process: subprocess.Popen[bytes] | None = None
        self._due, self._unread = 0, False
        """Answers that are due, and whether a content is: whoever was interrupted left them in the pipe."""

    def ask(self, oids: list[Oid]) -> Iterator[int | None]:
        """The size of each object in turn, None for one that is missing, or at which git ends each time it is asked.

        Whoever asks for contents reads each one before the next size.
        """
        left = list(oids)
        while left:
            new = self._process is None
            answered = 0
            for size in self._answers(left):
                answered += 1
                yield size
            left = left[answered:]
            if left and new and not answered:  # git has just begun, and ends at this one
                left = left[1:]
                yield None

    def _answers(self, oids: list[Oid]) -> Iterator[int | None]:
        """As `ask`, but ends early where git did."""
        process = self._running()
        assert process.stdin is not None
        assert process.stdout is not None
        asked = [oid for oid in oids if _OID.fullmatch(oid)]
        self._due = len(asked)
        try:
            process.stdin.write("".join(f"{oid}\n" for oid in asked).encode())
            process.stdin.flush()
        except BrokenPipeError:
            return self.close()
        for oid in oids:
            if not _OID.fullmatch(oid):
                yield None
                continue
            words = process.stdout.readline().decode().split()
            if words[:1] != [oid]:
                return self.close()
            found = len(words) == 3
            self._due, self._unread = self._due - 1, found and self._option == "--batch"
            yield int(words[2]) if found else None

    def content(self, oid: Oid, size: int) -> bytes:
        """The content behind the size that was told last. Raises ObjectMissing where git ends within it."""
        assert self._process is not None
        assert self._process.stdout is not None
        data = self._process.stdout.read(size + 1)[:-1]  # a line break follows it
        if len(data) < size:
            self.close()
            raise ObjectMissing(oid)
        self._unread = False
        return data

    def skip(self, size: int) -> None:
        """Reads past it, a piece at a time."""
        assert self._process is not None
        assert self._process.stdout is not None
        left = size + 1
        while left > 0 and (piece := self._process.stdout.read(min(left, PIECE_BYTES))):
            left -= len(piece)
        self._unread = False

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None or self._due or self._unread:
            self.close()
            self._process = self._start(self._option)
        return self._process

    def close(self) -> None:
        """Ends the process."""
        process, self._process = self._process, None
        self._due, self._unread = 0, False
        if process is not None:
            process.kill()
            process.communicate()
