"""How does a caller leave a call that blocks inside a library?

The call runs in a thread of its own and tells what happens through a queue. Who asked looks at the stop flag between
two events; when they leave, the thread ends at its next sign of progress.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from orchestrator.core.ports.model import Stop

POLL_SECONDS = 0.05
"""Seconds between two looks at the stop flag."""
Event = TypeVar("Event")


@dataclass(frozen=True)
class _Failed:
    error: BaseException


def run_blocking(
    work: Callable[[Callable[[Event], bool]], None],
    heard: Callable[[Event], None],
    stop: Stop,
    *,
    left: threading.Event,
    name: str,
) -> bool:
    """Runs `work` aside and passes its events to `heard` here; returns whether it ended by itself.

    `work` is given a function that takes an event and says whether nobody listens any more; `left` is what it looks
    at, and may be set by others to end the call. Errors of `work` and of `heard` are raised here.
    """
    events: queue.SimpleQueue[Event | _Failed | None] = queue.SimpleQueue()

    def emit(event: Event) -> bool:
        events.put(event)
        return left.is_set()

    def run() -> None:
        try:
            work(emit)
            events.put(None)
        except BaseException as error:  # handed to the caller, whatever it is
            events.put(_Failed(error))

    threading.Thread(target=run, name=name, daemon=True).start()
    try:
        while not stop.is_set():
            try:
                event = events.get(timeout=POLL_SECONDS)
            except queue.Empty:
                continue
            if event is None:
                return not left.is_set()
            if isinstance(event, _Failed):
                raise event.error
            heard(event)
        return False
    finally:
        left.set()  # also when `heard` raised
