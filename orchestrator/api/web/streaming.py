"""How is an answer streamed while it is made, and how does it end when the caller is gone?

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

from orchestrator.api.web.disconnects import DISCONNECTS, request_socket
from orchestrator.api.web.stream_slots import StreamSlot, current_stream_slots, stream_response
from orchestrator.chat.values import AnswerEvent
from orchestrator.core.ports.model import Stop

PING_SECONDS = 1.0
Answer = TypeVar("Answer")
StreamWork = Callable[[Callable[[AnswerEvent], None], Stop], object]
"""Makes an answer, passing on events; ends when it is stopped."""
RenderEvent = Callable[[AnswerEvent], Iterator[str]]
"""How an event stands in the stream."""


def sse(kind: str, data: Mapping[str, Any]) -> str:
    """One server-sent event."""
    return f"event: {kind}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"


def stream_answer(begin: Callable[[Stop], StreamWork], render: RenderEvent) -> Response:
    """A stream of what is made. `begin` does what can be refused, before a word is sent; its errors are plain ones.

    An error that comes later is an event `error` with the problem that it would have been. Raises ServiceUnavailable
    when all streams are taken.
    """
    stop, seat = threading.Event(), current_stream_slots().take()
    with ExitStack() as undo:
        undo.callback(seat.leave)
        work = begin(stop)
        undo.pop_all()
    return _stream(work, render, stop, seat)


def _stream(work: StreamWork, render: RenderEvent, stop: threading.Event, seat: StreamSlot) -> Response:
    events: queue.SimpleQueue[AnswerEvent | None] = queue.SimpleQueue()

    def run() -> None:
        try:
            work(events.put, stop)
        except Exception as error:  # told in the stream, as the problem that it is
            events.put(AnswerEvent(kind="error", data={"error": error}))
        finally:
            events.put(None)

    def hang_up() -> None:
        stop.set()
        events.put(None)

    watch = DISCONNECTS.watching(request_socket(), hang_up)
    watch.__enter__()
    answer = stream_response(stream_with_context(_event_lines(events, render)), seat=seat)
    answer.call_on_close(lambda: watch.__exit__(None, None, None))
    answer.call_on_close(stop.set)
    threading.Thread(target=run, name="answer", daemon=True).start()
    return answer


def _event_lines(events: queue.SimpleQueue[AnswerEvent | None], render: RenderEvent) -> Iterator[str]:
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
            event = AnswerEvent(kind="error", data=current_app.make_response(problem).get_json())
        yield from render(event)


def wait_for_answer(work: Callable[[Stop], Answer]) -> Answer:
    """An answer that is waited for; it is stopped when the caller hangs up."""
    stop = threading.Event()
    with DISCONNECTS.watching(request_socket(), stop.set):
        return work(stop)
