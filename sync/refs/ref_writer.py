"""How are refs moved without a process for each time? By one `git update-ref` that stays (git-update-ref(1))."""

from __future__ import annotations

import select
import subprocess
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from sync.errors import PushUncertain
from sync.git import Git
from sync.process_output import kill_group


class RefWriter:
    """One repository's. Safe to use from several threads."""

    def __init__(self, git: Git, *, timeout: float) -> None:
        """`timeout`: seconds for each answer of git."""
        self._git, self._timeout = git, timeout
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def folder(self) -> Path:
        """The repository's."""
        return self._git.folder

    def apply(self, lines: Sequence[str]) -> bool:
        """Does what the lines of `update-ref --stdin` say in one transaction: all of it, or nothing and False.

        Raises PushUncertain when no answer came back.
        """
        with self._lock:
            if not (self._say("start\n") and self._say("".join([*lines, "prepare\n"]))):
                self._end()
                return False  # nothing has moved: git has ended, or said no
            if not self._say("commit\n"):
                self._end()
                raise PushUncertain(str(self.folder), "git ended while it moved the refs")
            return True

    def close(self) -> None:
        """Ends the process; another transaction begins a new one."""
        with self._lock:
            self._end()

    def _say(self, words: str) -> bool:
        """Whether git said that it did this."""
        process = self._running()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(words.encode())
            process.stdin.flush()
        except BrokenPipeError:
            return False
        ready, _, _ = select.select([process.stdout], [], [], self._timeout)
        return bool(ready) and process.stdout.readline().endswith(b": ok\n")

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._end()
            self._process = self._git.ref_writer()
        return self._process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            kill_group(process)
            with suppress(OSError, ValueError):
                process.communicate()
