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

from handoff.agents_file import INTRODUCTION, remove_blocks
from handoff.checking.leak import HandoffTrace
from orchestrator.execution.workspace.agents_md import AGENTS, read_plain_file, replace_file
from orchestrator.execution.workspace.git_tree import AttemptRepository

MAX_SEARCHED_BYTES = MAX_UNPACKED_BYTES = 32 * 1024 * 1024
MAX_MEMBERS = 1000
MAX_DEPTH = 2
"""How deep archives in archives are looked into."""
MIN_PUBLIC_LINE = 12


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
        found = [name for name in self._changed(tree) if self._carries(trace, name)]
        if found:  # seldom: only then it is worth asking what of it the project has itself
            trace = HandoffTrace.of(f"{INTRODUCTION}\n{self.handoff}", (*self.public, *self._published()))
        return tuple(name for name in found if self._carries(trace, name))

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

    def _carries(self, trace: HandoffTrace, name: str) -> bool:
        data = read_plain_file(self.repository.tree / name, MAX_SEARCHED_BYTES) or b""
        if not any(trace.held_by(text) for text in texts(data)):
            return False
        own = HandoffTrace(runs=trace.runs - HandoffTrace.of(self._before(name)).runs)
        return any(own.held_by(text) for text in texts(data))

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


def texts(data: bytes, depth: int = MAX_DEPTH) -> Iterator[str]:
    """What a file says, and what those say that are packed in it."""
    yield data.replace(b"\0", b"").decode("utf-8", "ignore")
    if depth:
        for inner in _unpacked(data):
            yield from texts(inner, depth - 1)


def _unpacked(data: bytes) -> Iterator[bytes]:
    """The members of an archive, or a packed file's content, bounded; nothing for what is neither or is broken."""
    if data[:4] == b"PK\x03\x04":
        yield from _zipped(data)
    for start, unpack in UNPACKERS.items():
        if data.startswith(start):
            try:
                yield unpack(data)
            except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError):
                return


def _zipped(data: bytes) -> Iterator[bytes]:
    left = MAX_UNPACKED_BYTES
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for member in archive.infolist()[:MAX_MEMBERS]:
                with archive.open(member) as file:
                    inner = file.read(left)
                left -= len(inner)
                yield inner
    except (OSError, EOFError, ValueError, RuntimeError, NotImplementedError, zipfile.BadZipFile, zlib.error):
        return


UNPACKERS: dict[bytes, Callable[[bytes], bytes]] = {
    b"\x1f\x8b": lambda data: zlib.decompressobj(31).decompress(data, MAX_UNPACKED_BYTES),
    b"BZh": lambda data: bz2.BZ2Decompressor().decompress(data, MAX_UNPACKED_BYTES),
    b"\xfd7zXZ\0": lambda data: lzma.LZMADecompressor().decompress(data, MAX_UNPACKED_BYTES),
}
"""By how a packed file begins; a tar in it is plain text to whoever looks for words."""
