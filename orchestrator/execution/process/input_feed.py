"""How is a running command written to while nobody waits for it? Its input feed: a pipe with a thread that fills it."""

from __future__ import annotations

import os
import queue
import threading
from types import TracebackType

MAX_WAITING_BYTES = 16 * 1024 * 1024
"""Bytes that wait at most for a command that does not read."""


class InputFeed:
    """The writing end of a command's standard input. Any thread may write; none waits for the command to read.

    `reading` is the file descriptor for the command; the feed closes its own copy when the command has it. The thread
    ends when the feed is finished, or when nobody is left who could read: the pipe breaks then.
    """

    def __init__(self, *first: bytes) -> None:
        self.reading, self._writing = os.pipe()
        self._lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._open = True
        self._waiting = 0
        self._thread = threading.Thread(target=self._run, name="input", daemon=True)
        for line in first:
            self._waiting += len(line)
            self._lines.put(line)

    def __enter__(self) -> InputFeed:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.finish()
        self.handed_over()
        self._thread.join(timeout=5)  # the command is dead by now, so the pipe is broken

    def handed_over(self) -> None:
        """The command has its end: without a reader of our own, its death breaks the pipe."""
        if self.reading >= 0:
            os.close(self.reading)
            self.reading = -1

    def write(self, line: bytes) -> bool:
        """Whether the line is on its way; False once the feed is finished or broken, and where so much waits already
        that there is no room for it."""
        with self._lock:
            if not self._open or (self._waiting and self._waiting + len(line) > MAX_WAITING_BYTES):
                return False
            self._waiting += len(line)
            self._lines.put(line)
            return True

    def finish(self) -> None:
        """Nothing more comes: the command sees the end of its input after what was written."""
        with self._lock:
            if self._open:
                self._open = False
                self._lines.put(None)

    def _run(self) -> None:
        try:
            while (line := self._lines.get()) is not None:
                size, left = len(line), memoryview(line)
                while left:
                    left = left[os.write(self._writing, left) :]
                with self._lock:
                    self._waiting -= size
        except OSError:  # nobody reads any more: what is not taken is known by what the command says
            with self._lock:
                self._open = False
        finally:
            os.close(self._writing)
