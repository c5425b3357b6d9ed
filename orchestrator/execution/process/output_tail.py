"""The output of a process that still writes: line by line, and in the end as one text.

Keeps the first and the last half of `keep` bytes. A command that writes more than that has its file emptied as it
goes, so that a flood fills neither the memory nor the disk; how much was cut is written where it is missing.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable
from typing import BinaryIO

CHUNK_BYTES = 1024 * 1024
MAX_LINE_BYTES = 4096
"""Longest line, in bytes, that is passed on live; the rest of it is in the text."""
MAX_PARSED_LINE_BYTES = 16 * 1024 * 1024
"""The same where a program reads the lines: an agent's last event can be as long as its answer. Of what is left when
the command has ended, no more than this is passed on.
"""
MAX_READ_SECONDS = 0.25
"""Seconds after which a look ends although there is more: who floods its output must not keep the node from its watch.
"""


class OutputTail:
    """Follows one file, opened unbuffered for reading and writing; its writer must append.

    `whole`: every line is passed on, with WHOLE as its roof, also those that are not kept.
    """

    def __init__(self, source: BinaryIO, *, say: Callable[[str], None], keep: int, whole: bool = False) -> None:
        self._source, self._say, self._half = source, say, keep // 2
        self._whole, self._roof = whole, MAX_PARSED_LINE_BYTES if whole else MAX_LINE_BYTES
        self._offset = 0
        self._head = bytearray()
        self._last: deque[bytes] = deque()
        self._last_size = 0
        self._cut = 0
        self._line = bytearray()
        self._torn = False

    def read(self) -> None:
        """Takes in what is new."""
        if os.fstat(self._source.fileno()).st_size < self._offset:
            self._offset = 0  # the command has emptied its own output (`echo >/dev/stderr` does)
        self._source.seek(self._offset)
        over = time.monotonic() + MAX_READ_SECONDS
        while (piece := self._source.read(CHUNK_BYTES)) and time.monotonic() < over:
            self._offset += len(piece)
            self._take(piece)
        if self._cut and self._offset > 2 * self._half and not piece:
            self._source.truncate(0)
            self._offset = 0

    def close(self) -> tuple[str, int]:
        """Reads the rest; the file then holds what was kept. Returns the text and how many bytes it lacks."""
        self._rest()
        if self._line:
            self._tell(bytes(self._line))
        last = b"".join(self._last)
        if self._cut:
            kept = bytes(self._head) + f"\n[… {self._cut:,} bytes of output were cut here …]\n".encode() + last
            self._source.truncate(0)
            self._source.seek(0)
            self._source.write(kept)
        else:
            kept = bytes(self._head) + last
        return kept.decode("utf-8", "replace"), self._cut

    def _rest(self) -> None:
        """Takes in all that is left; of much, only the last lines are passed on."""
        size = os.fstat(self._source.fileno()).st_size
        self._offset = self._offset if self._offset <= size else 0
        self._source.seek(self._offset)
        while piece := self._source.read(CHUNK_BYTES):
            self._offset += len(piece)
            told = self._offset + MAX_PARSED_LINE_BYTES > size
            if not told:
                self._line, self._torn = bytearray(), True
            self._take(piece, told=told)

    def _take(self, piece: bytes, *, told: bool = True) -> None:
        room = self._half - len(self._head)
        if room > 0:
            self._head += piece[:room]
        if told and (self._whole or not self._cut):
            self._pass_on(piece)
        self._keep_last(piece[max(room, 0) :])

    def _keep_last(self, piece: bytes) -> None:
        """Appends to the last half and drops from its front what no longer fits."""
        self._last.append(piece)
        self._last_size += len(piece)
        while self._last_size > self._half:
            over = self._last_size - self._half
            first = self._last.popleft()
            gone = min(over, len(first))
            if gone < len(first):
                self._last.appendleft(first[gone:])
            self._last_size -= gone
            if not self._cut and not self._whole:
                self._say("[more output than is kept: the rest is not shown live]")
            self._cut += gone

    def _pass_on(self, piece: bytes) -> None:
        *lines, rest = (bytes(self._line) + piece).split(b"\n")
        if self._torn and lines:
            self._torn, lines = False, lines[1:]  # the end of a line whose beginning was not passed on
        for line in lines:
            self._tell(line)
        self._line = bytearray(rest[: self._roof])  # what a line without end loses here is in the text

    def _tell(self, line: bytes) -> None:
        self._say(line[: self._roof].decode("utf-8", "replace").rstrip("\r"))
