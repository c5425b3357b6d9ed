"""How does something run in the background until a process ends? In a thread that never keeps the process."""

from __future__ import annotations

import threading
from collections.abc import Callable


def run_in_background(
    name: str, run: Callable[[], None], over: threading.Event, *, wait_seconds: float
) -> Callable[[], None]:
    """Runs `run`, which returns soon after `over` is set, in a thread of that name. Returns what ends it.

    Ending sets `over` and waits so long at most: the thread may sit in a request, and the process does not wait for it.
    """
    thread = threading.Thread(target=run, name=name, daemon=True)
    thread.start()

    def stop() -> None:
        over.set()
        thread.join(timeout=wait_seconds)

    return stop
