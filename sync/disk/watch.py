"""How is a repository on this disk, or a work tree, watched, so that a node learns at once that something moved?"""

from __future__ import annotations

import errno
import logging
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

from watchdog.events import (
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver, ObservedWatch
from watchdog.observers.polling import PollingObserver

# watchdog 7.1 tells whoever sits at the terminal, at length, of a folder that came while its outer one was looked into.
warnings.filterwarnings("ignore", "Callback with id", RuntimeWarning, module=r"watchdog\.")
# What its threads find at the end of a watch is no person's business, whose terminal it would come to.
logging.getLogger("watchdog").addHandler(logging.NullHandler())
READ_ONLY_EVENTS = frozenset({"opened", "closed_no_write"})
"""Events of somebody who only looked."""

FINISHED_CHANGES: list[type[FileSystemEvent]] = [
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileMovedEvent,
]
"""What inotify is asked for where whole files count: each beat of each node, each look of git's at the refs and each
commit of a database beside a watched file would else be some ten events, at 0.1 ms each in every process that
watches."""

RESTLESS_REFS = ("/refs/shiftbook/beat", "/refs/shiftbook/live")
"""Parts of the paths of refs that move every few seconds and ask nobody for anything."""

LOOK_SECONDS = 1.0
"""Seconds between two looks at the files themselves, where the system does not tell."""


def _start(schedule: Callable[[BaseObserver], object]) -> BaseObserver:
    """An observer that watches what `schedule` says.

    inotify's instances and watches are counted for each user, and any of his programs may have taken the last one:
    where there is none left the files are looked at.
    """
    for make in (Observer, lambda: PollingObserver(timeout=LOOK_SECONDS)):
        observer: BaseObserver | None = None
        try:
            observer = make()
            schedule(observer)
            observer.start()
        except OSError as error:
            if observer is not None:
                observer.stop()  # it holds an instance from its making on
            if error.errno not in {errno.EMFILE, errno.ENFILE, errno.ENOSPC, errno.ENOSYS, errno.EPERM}:
                raise
            trouble = error
        else:
            return observer
    raise trouble


def _finished_changes(observer: BaseObserver) -> list[type[FileSystemEvent]] | None:
    """The filter for an observer; None for those that tell of no closed file."""
    by_kernel = sys.platform == "linux" and not isinstance(observer, PollingObserver)
    return FINISHED_CHANGES if by_kernel else None


class _RefHandler(FileSystemEventHandler):
    def __init__(self, nudge: Callable[[], None], ignore: tuple[str, ...]) -> None:
        self._nudge, self._ignore = nudge, ignore

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Every change of a ref counts but beats and live views: they would wake every node of the fleet all the time.

        A folder's own change counts not: it says that something in it changed, which may be the lock of who only looks.
        """
        path = str(event.dest_path or event.src_path)
        folder = event.is_directory and event.event_type == "modified"
        ignored = path.endswith(".lock") or any(each in path for each in self._ignore)
        if folder or event.event_type in READ_ONLY_EVENTS or ignored:
            return
        self._nudge()


def watch_refs(
    repository: Path, nudge: Callable[[], None], *, ignore: tuple[str, ...] = RESTLESS_REFS
) -> Callable[[], None]:
    """Calls `nudge` (from a thread) whenever a ref of a bare repository moves. Returns what stops the watching."""
    handler = _RefHandler(nudge, ignore)

    def schedule(observer: BaseObserver) -> None:
        kinds = _finished_changes(observer)
        observer.schedule(handler, str(repository / "refs"), recursive=True, event_filter=kinds)
        observer.schedule(handler, str(repository), recursive=False, event_filter=kinds)  # packed-refs

    observer = _start(schedule)

    def stop() -> None:
        observer.stop()
        observer.join(timeout=5)

    return stop


class TreeWatch:
    """Reports the paths that move in a work tree: below some of its folders, and among the files of its root.

    Nothing else is watched: `.git` moves all the time, and a folder of dependencies may have more files than the
    system grants watches. `moved` is called from a thread, with a path relative to the root.
    """

    def __init__(self, root: Path, folders: Sequence[str], moved: Callable[[str], None]) -> None:
        self._root, self._folders = root, folders
        self._handler = _TreeHandler(root, moved)
        self._observer = _start(lambda observer: None)
        self._watches: dict[str, tuple[int, ObservedWatch]] = {}

    def refresh(self) -> bool:
        """Watches the folders that came to be since the last call, and returns whether there were any.

        Raises OSError when the system grants no more watches.
        """
        found = {name: self._inode(name) for name in ("", *self._folders)}
        for name, (inode, watch) in list(self._watches.items()):
            if found[name] != inode:
                self._observer.unschedule(watch)
                del self._watches[name]
        fresh = {name: inode for name, inode in found.items() if inode and name not in self._watches}
        for name, inode in fresh.items():
            watch = self._observer.schedule(self._handler, str(self._root / name), recursive=bool(name))
            self._watches[name] = (inode, watch)
        return bool(fresh)

    def close(self) -> None:
        """Ends the watching."""
        self._observer.stop()
        self._observer.join(timeout=5)

    def _inode(self, name: str) -> int:
        """Which folder stands there, 0 for none: one that was deleted and made again is another one."""
        path = self._root / name
        return path.stat().st_ino if path.is_dir() and not path.is_symlink() else 0


class _TreeHandler(FileSystemEventHandler):
    def __init__(self, root: Path, moved: Callable[[str], None]) -> None:
        self._root, self._moved = root, moved

    def on_any_event(self, event: FileSystemEvent) -> None:
        """A folder's own change only says that something in it changed, which is told of that, too."""
        if event.event_type in READ_ONLY_EVENTS or (event.is_directory and event.event_type == "modified"):
            return
        for place in (event.src_path, event.dest_path):
            if place:
                path = Path(os.fsdecode(place)).relative_to(self._root).as_posix()
                if path != "." and path.partition("/")[0] != ".git":
                    self._moved(path)


class _FileHandler(FileSystemEventHandler):
    def __init__(self, path: Path, nudge: Callable[[], None]) -> None:
        self._path, self._nudge = str(path), nudge

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Whatever writes or replaces the file counts; reading it does not."""
        paths = {str(event.src_path), str(event.dest_path)}
        if self._path in paths and event.event_type not in {"opened", "closed_no_write", "deleted"}:
            self._nudge()


def watch_file(path: Path, nudge: Callable[[], None]) -> Callable[[], None]:
    """Calls `nudge` (from a thread) whenever a file was written and closed, or replaced. Its folder must be there; it
    need not be. Returns what stops the watching.
    """
    handler = _FileHandler(path, nudge)

    def schedule(observer: BaseObserver) -> None:
        observer.schedule(handler, str(path.parent), recursive=False, event_filter=_finished_changes(observer))

    observer = _start(schedule)

    def stop() -> None:
        observer.stop()
        observer.join(timeout=5)

    return stop
