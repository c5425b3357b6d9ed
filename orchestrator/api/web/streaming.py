"""How is an answer told while it is made, and how does it end when the caller is gone?

The work runs in a thread of its own and is heard through a queue: silence of a second becomes a `: ping`, so that the
line stays open, and a caller who hangs up is noticed at once.
"""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from typing import Any, TypeVar

from flask import Response, current_app, stream_with_context

from orchestrator.api.web.disconnects import HANGUPS, connection
from orchestrator.api.web.stream_slots import Seat, seated, seats
from orchestrator.chat.values import Event
from orchestrator.core.ports.agent import Stop

PING_SECONDS = 1.0
Answer = TypeVar("Answer")
Work = Callable[[Callable[[Event], None], Stop], object]
"""Makes an answer, passing on events; ends when it is stopped."""
Render = Callable[[Event], Iterator[str]]
"""How an event stands in the stream."""


def sse(kind: str, data: Mapping[str, Any]) -> str:
    """One server-sent event."""
    return f"event: {kind}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"


def spoken(begin: Callable[[Stop], Work], render: Render) -> Response:
    """A stream of what is made. `begin` does what can be refused, before a word is sent; its errors are plain ones.

    An error that comes later is an event `error` with the problem that it would have been. Raises ServiceUnavailable
    when all streams are taken.
    """
    stop, seat = threading.Event(), seats().take()
    with ExitStack() as undo:
        undo.callback(seat.leave)
        work = begin(stop)
        undo.pop_all()
    return _stream(work, render, stop, seat)


def _stream(work: Work, render: Render, stop: threading.Event, seat: Seat) -> Response:
    events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()

    def run() -> None:
        try:
            work(events.put, stop)
        except Exception as error:  # told in the stream, as the problem that it is
            events.put(Event(kind="error", data={"error": error}))
        finally:
            events.put(None)

    def hang_up() -> None:
        stop.set()
        events.put(None)

    watch = HANGUPS.watching(connection(), hang_up)
    watch.__enter__()
    answer = seated(stream_with_context(_told(events, render)), seat=seat)
    answer.call_on_close(lambda: watch.__exit__(None, None, None))
    answer.call_on_close(stop.set)
    threading.Thread(target=run, name="answer", daemon=True).start()
    return answer


def _told(events: queue.SimpleQueue[Event | None], render: Render) -> Iterator[str]:
    while True:
        try:
            event = events.get(timeout=PING_SECONDS)
        except queue.Empty:
            yield ": ping\n\n"
            continue
        if event is None:
            return
        if event.kind == "error":
            problem = current_app.handle_user_exception(event.data["error"])
            event = Event(kind="error", data=current_app.make_response(problem).get_json())
        yield from render(event)


def waited(work: Callable[[Stop], Answer]) -> Answer:
    """An answer that is waited for; it is stopped when the caller hangs up."""
    stop = threading.Event()
    with HANGUPS.watching(connection(), stop.set):
        return work(stop)
