"""When do edits in a person's clone of the ledger become commits, and when do these go out?

An edit is committed when nothing watched has moved for a quiet time. One loop does everything, in a thread of the node
or on its own; each round looks at what moved, what is still, and what waits to be sent.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock, Timeout

from orchestrator.core.errors import Refused
from orchestrator.core.events import Tell
from orchestrator.node.commit_rules import MAX_FILE_BYTES, is_watched, unready_reason
from sync.backoff import Backoff
from sync.clone_push import UpstreamBranch
from sync.errors import FileRefused, RemoteUnreachable, SyncError
from sync.remote import Oid
from sync.worktree import WorkTree, WorkTreeStatus

SCAN_SECONDS = 300.0
"""Seconds between two looks at everything, for what the system did not tell of."""
ROOT_SECONDS = 10.0
"""Seconds between two looks at whether the folders are still those that are watched: nothing tells of a whole clone
that is replaced by another one.
"""
MAX_QUIET_PERIODS = 10
"""After so many quiet times what is still is committed, although something else moves all the time."""
REMIND_SECONDS = 3600.0
"""After so many seconds a thing that still stands is said again."""
RETRY = Backoff(first=5.0, limit=60.0)
"""Shortest and longest pause, in seconds, before a remote that does not answer is asked again."""

Fingerprint = tuple[int, int, str]
"""Size, time of change and digest of a file: the same twice means that nobody wrote in between."""


@dataclass
class _Edit:
    print: Fingerprint | None
    since: float
    first: float


@dataclass(kw_only=True)
class CloneWatch:
    """One clone that is watched. `clock` is monotonic seconds, `quiet` how long an edit must rest."""

    tree: WorkTree
    upstream: UpstreamBranch
    tell: Tell
    clock: Callable[[], float]
    quiet: float = 2.0
    pull: bool = False
    """Whether clean files follow what others push."""
    sent: Callable[[], None] = lambda: None
    """Called after a push, so that a node in this process looks at once."""
    wake: threading.Event = field(default_factory=threading.Event)
    _edits: dict[str, _Edit] = field(default_factory=dict)
    _moved: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _scanned: float = float("-inf")
    _retry: float = float("-inf")
    _pause: float = RETRY.first
    _pulled: float = float("-inf")
    _said: dict[str, tuple[object, float]] = field(default_factory=dict)
    """For each path that is set aside, and for a round that failed: what was said of it, and when."""

    def moved(self, path: str) -> None:
        """Takes in, from any thread, that something happened to a path."""
        if is_watched(path):
            with self._lock:
                self._moved.add(path)
            self.wake.set()

    def run(self, refresh: Callable[[], bool], stopped: threading.Event) -> None:
        """Works until stopped. `refresh` sees to the watches, and says whether there are new ones.

        Raises Refused when this clone is watched already.
        """
        lock = FileLock(self.tree.git_dir / "shiftbook-watch.lock")
        try:
            with lock.acquire(timeout=0):
                told = f"edits in {self.tree.folder} are committed after {self.quiet:g} quiet seconds"
                self.tell("watching", told)
                while not stopped.is_set():
                    self._rest(self._round(refresh), refresh)
                    self.wake.clear()
        except Timeout as error:
            raise Refused(f"{self.tree.folder} is watched by another process already") from error

    def _rest(self, seconds: float, refresh: Callable[[], bool]) -> None:
        """Waits until something moves, the time is over or other folders stand there."""
        over = self.clock() + seconds
        while (left := over - self.clock()) > 0 and not self.wake.wait(min(left, ROOT_SECONDS)):
            if self._refreshed(refresh):
                return

    def _refreshed(self, refresh: Callable[[], bool]) -> bool:
        """Whether there are new watches, after which everything is looked at."""
        try:
            fresh = refresh()
        except OSError as error:
            self.tell("watch", f"{error}; looking every {SCAN_SECONDS:.0f} s instead", once=True)
            return False
        self._scanned = float("-inf") if fresh else self._scanned
        return fresh

    def _round(self, refresh: Callable[[], bool]) -> float:
        self._refreshed(refresh)
        try:
            return self.step()
        except (SyncError, OSError) as error:
            self._remind("", str(error), f"{error}; nothing was changed, trying again")
            return self.quiet * 5

    def _remind(self, about: str, state: object, sentence: str) -> None:
        """Says something when its state is another one, and after a while once more: a log is not read at one time."""
        before, when = self._said.get(about, (None, float("-inf")))
        if before != state or self.clock() - when >= REMIND_SECONDS:
            self._said[about] = (state, self.clock())
            self.tell("watch", sentence)

    def step(self) -> float:
        """One round. Returns the seconds after which the next one makes sense. Raises SyncError and OSError."""
        self._notice()
        resting = self._resting()
        if self._edits or self._outgoing() or self.pull:
            why = self.tree.busy() or ("" if self.tree.settle() else "the index is locked")
            if why:
                self.tell("watch", f"{self.tree.folder}: edits wait while {why}", once=True)
                return self.quiet
        if resting:
            self._commit(resting)
        self._send()
        if self.pull:
            self._forward()
        return self._next()

    def _notice(self) -> None:
        """What moved since the last round, and now and then everything."""
        now = self.clock()
        with self._lock:
            moved, self._moved = self._moved, set()
        if now - self._scanned >= SCAN_SECONDS:
            self._scanned = now
            found = self._changes()
            moved |= {*found.open, *found.refused}
        for path in moved:
            self._edits.setdefault(path, _Edit(None, now, now))
        for path, edit in self._edits.items():
            seen = _fingerprint(self.tree.folder / path)
            if seen != edit.print or path in moved:
                edit.print, edit.since = seen, now

    def _resting(self) -> list[str]:
        """What has not moved for the quiet time, once nothing moves or patience is over."""
        now = self.clock()
        still = [path for path, edit in self._edits.items() if now - edit.since >= self.quiet]
        waited = max((now - edit.first for edit in self._edits.values()), default=0.0)
        return still if len(still) == len(self._edits) or waited >= MAX_QUIET_PERIODS * self.quiet else []

    def _changes(self, paths: list[str] | None = None) -> WorkTreeStatus:
        found = self.tree.changes(paths or ())
        for path in found.staged:
            if is_watched(path):
                self.tell("watch", f"{path} is staged: it is left to your own `git commit`", once=True)
        refused = {path: why for path, why in found.refused.items() if is_watched(path)}
        opened = tuple(path for path in found.open if is_watched(path))
        return WorkTreeStatus(open=opened, staged=found.staged, refused=refused)

    def _commit(self, resting: list[str]) -> None:
        now, files = self.clock(), dict[str, bytes | None]()
        prints = {path: self._edits.pop(path).print for path in resting}
        found = self._changes(resting)
        for path in prints.keys() & found.refused.keys():
            self._set_aside(path, found.refused[path], prints[path])
        for path in found.open:
            if path not in prints:  # below a folder that was moved here, or on a list too long to ask for
                self._edits.setdefault(path, _Edit(_fingerprint(self.tree.folder / path), now, now))
            else:
                self._take(path, prints[path], files)
        made = self._commit_accepted(files, prints) if files else None
        if made:
            self._retry = float("-inf")
            self.tell("committed", f"{_commit_message(files)} ({made[:10]})", commit=made, paths=sorted(files))
        for path in files:
            self._said.pop(path, None)

    def _commit_accepted(self, files: dict[str, bytes | None], prints: dict[str, Fingerprint | None]) -> Oid | None:
        """Commits what git takes. What it refuses is set aside and taken out of `files`: it waits for nobody else."""
        now = self.clock()
        while files:
            try:
                return self.tree.commit(files, _commit_message(files))
            except FileRefused as error:
                del files[error.path]
                self._set_aside(error.path, error.why, prints[error.path])
            except (SyncError, OSError):
                for path in files:
                    self._edits[path] = _Edit(prints[path], now, now)
                raise
        return None

    def _set_aside(self, path: str, why: str, state: object) -> None:
        self._remind(path, state, f"{path} is not committed: git refuses it: {why}; all else is")

    def _take(self, path: str, before: Fingerprint | None, files: dict[str, bytes | None]) -> None:
        """Adds a file's content to `files` if it may be committed; says why not."""
        place = self.tree.folder / path
        if not os.path.lexists(place):
            files[path] = None
            return
        size = place.lstat().st_size
        data = place.read_bytes() if place.is_file() and not place.is_symlink() and size <= MAX_FILE_BYTES else None
        why = "it is not a plain file" if data is None else unready_reason(path, data)
        why = f"it has {size:,} bytes" if size > MAX_FILE_BYTES else why
        if data is not None and _fingerprint(place, data) != before:
            self.moved(path)  # written again since it was found at rest
        elif why:
            self._remind(path, why, f"{path} is not committed: {why}")
        else:
            files[path] = data

    def _outgoing(self) -> list[Oid]:
        return self.upstream.waiting()

    def _send(self) -> None:
        if self.clock() < self._retry or not self._outgoing():
            return
        try:
            done = self.upstream.send()
        except RemoteUnreachable as error:
            self._retry, self._pause = self.clock() + self._pause, RETRY.next(self._pause)
            self._remind("push", str(error), f"{error}; the commits go out later")
            return
        self._pause = RETRY.first
        if not done.commits:
            self._retry = self.clock() + RETRY.limit
        if done.held:
            self._remind("push", done.held, done.held)
        if done.commits:
            self._said.pop("push", None)
            self.tell("pushed", f"{done.commits} commit{'s' * (done.commits > 1)}")
            self.sent()

    def _forward(self) -> None:
        """Clean files follow what others pushed, while nothing here waits."""
        now = self.clock()
        if self._edits or now - self._pulled < RETRY.first:
            return
        self._pulled = now
        try:
            self.upstream.fetch()
        except RemoteUnreachable as error:
            self.tell("watch", str(error), once=True)
            return
        to = self.upstream.ahead()
        if to is None:
            return
        if self.tree.forward(to):
            self.tell("pulled", f"{self.tree.folder} is at {to[:10]}")
        else:
            self.tell("watch", f"{to[:10]} is not pulled: it changes files that have edits here", once=True)

    def _next(self) -> float:
        if self._edits:
            return self.quiet / 4
        waits = SCAN_SECONDS if not self._outgoing() else max(0.1, self._retry - self.clock())
        return min(waits, RETRY.first if self.pull else SCAN_SECONDS)


def _fingerprint(path: Path, data: bytes | None = None) -> Fingerprint | None:
    """None for what is not there or no plain file."""
    try:
        found = path.lstat()
        if path.is_symlink() or not path.is_file():
            return None
        large = found.st_size > MAX_FILE_BYTES  # it is not committed, so nobody reads it
        content = b"" if large else path.read_bytes() if data is None else data
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns, hashlib.blake2b(content, digest_size=16).hexdigest()


def _commit_message(files: dict[str, bytes | None]) -> str:
    if len(files) == 1:
        path, data = next(iter(files.items()))
        return f"{'Delete' if data is None else 'Edit'} {path}"
    lines = "\n".join(f"{'delete' if data is None else 'edit'} {path}" for path, data in sorted(files.items())[:50])
    return f"Edit {len(files)} files\n\n{lines}"
