"""How does a node learn at once that a repository on its own disk has moved?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer


class _Moved(FileSystemEventHandler):
    def __init__(self, nudge: Callable[[], None], ignore: str) -> None:
        self._nudge, self._ignore = nudge, ignore

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Every change of a ref counts but a beat: beats would wake every node of the fleet all the time."""
        path = str(event.dest_path or event.src_path)
        if event.event_type in {"opened", "closed_no_write"} or self._ignore in path or path.endswith(".lock"):
            return
        self._nudge()


def watch_refs(
    repository: Path, nudge: Callable[[], None], *, ignore: str = "/refs/shiftbook/beat"
) -> Callable[[], None]:
    """Calls `nudge` (from a thread) whenever a ref of a bare repository moves. Returns what stops the watching."""
    observer = Observer()
    handler = _Moved(nudge, ignore)
    observer.schedule(handler, str(repository / "refs"), recursive=True)
    observer.schedule(handler, str(repository), recursive=False)  # packed-refs
    observer.start()

    def stop() -> None:
        observer.stop()
        observer.join(timeout=5)

    return stop
