"""How are refs moved without a process for each time? By one `git update-ref` that stays (git-update-ref(1))."""

from __future__ import annotations

import os
import select
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from sync import files
from sync.errors import PushUncertain
from sync.git import Git
from sync.process.process_output import kill_group

PACKED_ANEW = "packed-refs.new"
"""What git names `packed-refs` when it moves the refs, where one goes that is packed."""


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

    def apply(self, lines: Sequence[str], *, durable: Iterable[str] = (), after: Iterable[Path] = ()) -> bool:
        """Does what the lines of `update-ref --stdin` say in one transaction: all of it, or nothing and False.

        The `durable` refs are on the disk before they count, and have their names there when this returns; so are the
        folders `after` which they may count, and the file of all packed refs where git writes it anew. Git's own
        `core.fsync=reference` does the former, one by one: 4 ms for each, where 100 at once take 10.

        Raises PushUncertain when no answer came back, OSError for a disk that takes no more; then nothing has moved.
        """
        places = [self.folder / ref for ref in durable]
        packed = self.folder / PACKED_ANEW
        known = {folder: folder.is_dir() for folder in {folder for place in places for folder in self._above(place)}}
        with self._lock:
            if not self._say(["start\n", *lines, "prepare\n"], "start", "prepare"):
                self._end()
                return False  # nothing has moved: git has ended, or said no
            try:
                locks = [place.with_name(f"{place.name}.lock") for place in places]  # which become the refs
                anew = [packed] if places and packed.exists() else []
                files.flush([*locks, *after, *anew])
            except OSError:
                self._say(["abort\n"], "abort")  # a git that is ended leaves its locks
                self._end()
                raise
            if not self._say(["commit\n"], "commit"):
                self._end()
                raise PushUncertain(str(self.folder), "git ended while it moved the refs")
        try:
            folders = {folder for place in places for folder in self._naming(place, known)}
            files.flush(folders | {path.parent for path in anew})
        except OSError as error:
            raise PushUncertain(str(self.folder), f"the refs may not be on the disk: {error}") from error
        return True

    def note(self, lines: Iterable[str]) -> None:
        """Does the same, and leaves open whether it did: git is asked once, where `apply` asks it twice."""
        with self._lock:
            if not self._say(["start\n", *lines, "prepare\n", "commit\n"], "start", "prepare", "commit"):
                self._end()

    def close(self) -> None:
        """Ends the process; another transaction begins a new one."""
        with self._lock:
            self._end()

    def _say(self, words: Iterable[str], *commands: str) -> bool:
        """Whether git said of each of the commands that it did it."""
        process, answer = self._running(), b""
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write("".join(words).encode())
            process.stdin.flush()
        except BrokenPipeError:
            return False
        wanted, over = "".join(f"{command}: ok\n" for command in commands).encode(), time.monotonic() + self._timeout
        while len(answer) < len(wanted):
            ready, _, _ = select.select([process.stdout], [], [], max(0.0, over - time.monotonic()))
            piece = os.read(process.stdout.fileno(), len(wanted)) if ready else b""
            if not piece:
                return False
            answer += piece
        return answer == wanted

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

    def _above(self, place: Path) -> Iterator[Path]:
        """The folders that a ref is in, up to the repository's."""
        for folder in place.parents:
            yield folder
            if folder == self.folder:
                return

    def _naming(self, place: Path, known: Mapping[Path, bool]) -> Iterator[Path]:
        """Those that lead to a ref, up to the first one that git has neither made nor removed with it."""
        for folder in self._above(place):
            yield folder
            if known[folder] and folder.is_dir():
                return
