"""Does what an attempt changed carry the handoff, which stays with the fleet?

A block of ours between its markers is taken out of any text, wherever it was moved or copied to. What carries the
handoff's words otherwise, plainly or packed, is found, and is no result.
"""

from __future__ import annotations

import bz2
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from handoff.agents_file import INTRODUCTION, remove_blocks
from handoff.checking.leak import HandoffTrace
from orchestrator.execution.workspace.agents_md import AGENTS, read_plain_file, replace_file
from orchestrator.execution.workspace.git_tree import AttemptRepository

MAX_SEARCHED_BYTES = MAX_UNPACKED_BYTES = 32 * 1024 * 1024
MAX_MEMBERS = 1000
MAX_SEARCH_BYTES = 256 * 1024 * 1024
"""Bytes that are unpacked in one search, however many archives there are: a few KiB may hold gigabytes."""
MAX_STREAMS = 100
"""Packed streams one behind the other in one file, as `cat a.gz b.gz` makes them."""
MAX_DEPTH = 2
"""How deep archives in archives are looked into."""
ZIP_END, ZIP_END_BYTES = b"PK\x05\x06", 65_557
"""By what a zip archive is known, whatever stands before it, and how far from the end that may be."""
MIN_PUBLIC_LINE = 12


@dataclass(kw_only=True)
class UnpackingRoom:
    """How many bytes may still be unpacked."""

    left: int = MAX_SEARCH_BYTES

    def next(self) -> int:
        """So many at once; at least one, as 0 means all to some."""
        return max(1, min(self.left, MAX_UNPACKED_BYTES))

    def took(self, data: bytes) -> bytes:
        """Counts what was unpacked."""
        self.left -= len(data)
        return data


@dataclass(frozen=True, kw_only=True)
class HandoffSearch:
    """Looks for one handoff in one attempt's tree. `public` are texts that the agent may quote: its task."""

    repository: AttemptRepository
    handoff: str
    public: tuple[str, ...] = ()

    def take_out(self, tree: str) -> tuple[str, ...]:
        """Takes blocks of ours out of what a stored tree has changed; says of which files. One that held nothing else
        goes. Raises OSError, GitError.
        """
        return tuple(name for name in self._changed(tree) if self._clean(name)) if self.handoff.strip() else ()

    def carried(self, tree: str) -> tuple[str, ...]:
        """What a stored tree has changed that carries the handoff. Raises GitError."""
        if not self.handoff.strip():
            return ()
        trace = HandoffTrace.of(f"{INTRODUCTION}\n{self.handoff}", self.public)
        room = UnpackingRoom()
        found = [name for name in self._changed(tree) if self._carries(trace, name, room)]
        if found:  # seldom: only then it is worth asking what of it the project has itself
            trace = HandoffTrace.of(f"{INTRODUCTION}\n{self.handoff}", (*self.public, *self._published()))
        return tuple(name for name in found if self._carries(trace, name, UnpackingRoom()))

    def _changed(self, tree: str) -> list[str]:
        words = ("diff-tree", "-r", "-z", "--no-renames", "--name-only", "--diff-filter=AMT")
        return self.repository.git.paths(*words, self.repository.base, tree)

    def _clean(self, name: str) -> bool:
        path = self.repository.tree / name
        data = read_plain_file(path)
        if data is None or b"shiftbook" not in data:
            return False
        trace, before = HandoffTrace.of(f"{INTRODUCTION}\n{self.handoff}"), self._before(name)

        def ours(block: str) -> bool:
            return block not in before and (f"\n@{AGENTS}\n" in block.replace("\r", "") or trace.held_by(block))

        text = data.decode("utf-8", "surrogateescape")
        left = remove_blocks(text, ours)
        if left == text:
            return False
        replace_file(path, left.encode("utf-8", "surrogateescape")) if left.strip() else path.unlink()
        return True

    def _carries(self, trace: HandoffTrace, name: str, room: UnpackingRoom) -> bool:
        data = read_plain_file(self.repository.tree / name, MAX_SEARCHED_BYTES) or b""
        if not any(trace.held_by(text) for text in texts(data, room)):
            return False
        own = HandoffTrace(runs=trace.runs - HandoffTrace.of(self._before(name)).runs)
        return any(own.held_by(text) for text in texts(data, UnpackingRoom()))

    def _before(self, name: str) -> str:
        """What the base has there; nothing where that is no file."""
        found = self.repository.git.call("cat-file", "blob", f"{self.repository.base}:{name}", codes=(0, 128))[1]
        return found.decode("utf-8", "surrogateescape")

    def _published(self) -> Iterator[str]:
        """Lines of the handoff that the project itself has."""
        lines = {line.strip() for line in self.handoff.splitlines()}
        lines = {line for line in lines if len(line) >= MIN_PUBLIC_LINE}
        patterns = [word for line in sorted(lines) for word in ("-e", line)]
        if patterns:
            found = self.repository.git.call("grep", "-h", "-F", *patterns, self.repository.base)[1]
            yield found.decode("utf-8", "replace")


def texts(data: bytes, room: UnpackingRoom, depth: int = MAX_DEPTH) -> Iterator[str]:
    """What a file says, and what those say that are packed in it."""
    yield data.replace(b"\0", b"").decode("utf-8", "ignore")
    if depth:
        for inner in _unpacked(data, room):
            yield from texts(inner, room, depth - 1)


def _unpacked(data: bytes, room: UnpackingRoom) -> Iterator[bytes]:
    """The members of an archive, or a packed file's content, bounded; nothing for what is neither or is broken."""
    if ZIP_END in data[-ZIP_END_BYTES:]:
        yield from _zipped(data, room)
    for start, unpacker in UNPACKERS.items():
        if data.startswith(start):
            yield b"".join(_streams(data, start, unpacker, room))


def _streams(data: bytes, start: bytes, unpacker: Callable[[], Any], room: UnpackingRoom) -> Iterator[bytes]:
    """Those of a packed file, one behind the other."""
    for _ in range(MAX_STREAMS):
        if room.left <= 0 or not data.startswith(start):
            return
        stream = unpacker()
        try:
            yield room.took(stream.decompress(data, room.next()))
        except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError):
            return
        data = stream.unused_data if stream.eof else b""


def _zipped(data: bytes, room: UnpackingRoom) -> Iterator[bytes]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for member in archive.infolist()[:MAX_MEMBERS]:
                if room.left <= 0:
                    return
                with archive.open(member) as file:
                    yield room.took(file.read(room.next()))
    except (OSError, EOFError, ValueError, RuntimeError, NotImplementedError, zipfile.BadZipFile, zlib.error):
        return


UNPACKERS: dict[bytes, Callable[[], Any]] = {
    b"\x1f\x8b": lambda: zlib.decompressobj(31),
    b"BZh": bz2.BZ2Decompressor,
    b"\xfd7zXZ\0": lzma.LZMADecompressor,
}
"""By how a packed file begins; a tar in it is plain text to whoever looks for words."""
