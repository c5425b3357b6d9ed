"""How is a running command written to while nobody waits for it? Its input feed: a pipe with a thread that fills it."""

from __future__ import annotations

import os
import queue
import threading
from types import TracebackType


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
        self._thread = threading.Thread(target=self._run, name="input", daemon=True)
        for line in first:
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
        """Whether the line is on its way; False once the feed is finished or broken."""
        with self._lock:
            if self._open:
                self._lines.put(line)
            return self._open

    def finish(self) -> None:
        """Nothing more comes: the command sees the end of its input after what was written."""
        with self._lock:
            if self._open:
                self._open = False
                self._lines.put(None)

    def _run(self) -> None:
        try:
            while (line := self._lines.get()) is not None:
                while line:
                    line = line[os.write(self._writing, line) :]
        except OSError:  # nobody reads any more: what is not taken is known by what the command says
            with self._lock:
                self._open = False
        finally:
            os.close(self._writing)
