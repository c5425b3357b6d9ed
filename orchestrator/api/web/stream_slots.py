"""How many answers may stream at once? Each slot holds a thread until its caller has the answer or is gone."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from typing import cast

from flask import Flask, Response, current_app, g
from werkzeug.exceptions import ServiceUnavailable

STREAM_SLOTS_KEY = "shiftbook_seats"
RETRY_SECONDS = 2
"""When somebody who found no seat should ask again; most answers take longer than a second and less than ten."""


class StreamSlots:
    """So many streams at a time; past that a caller is sent away before anything is streamed."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._taken = 0
        self._lock = threading.Lock()

    @property
    def taken(self) -> int:
        """How many streams there are now."""
        return self._taken

    def take(self) -> StreamSlot:
        """A seat. Raises ServiceUnavailable (503 with Retry-After) when there is none."""
        with self._lock:
            if self._taken >= self.limit:
                raise ServiceUnavailable("all streams of this node are taken", retry_after=RETRY_SECONDS)
            self._taken += 1
        return StreamSlot(self)

    def _give_back(self) -> None:
        with self._lock:
            self._taken -= 1


class StreamSlot:
    """One stream's seat, to be left once; leaving again does nothing."""

    def __init__(self, seats: StreamSlots) -> None:
        self._seats: StreamSlots | None = seats
        self._lock = threading.Lock()

    def leave(self) -> None:
        """Gives it back."""
        with self._lock:
            seats, self._seats = self._seats, None
        if seats is not None:
            seats._give_back()


def current_stream_slots() -> StreamSlots:
    """The seats of the app that serves this request."""
    return cast(StreamSlots, current_app.extensions[STREAM_SLOTS_KEY])


def install(app: Flask, limit: int) -> None:
    """Gives an app its seats."""
    app.extensions[STREAM_SLOTS_KEY] = StreamSlots(limit)


def stream_response(words: Iterable[bytes] | Iterable[str], *, seat: StreamSlot | None = None) -> Response:
    """A stream of server-sent events that holds a seat until it has ended or its caller is gone.

    Take the seat first (`seats().take()`) where making `words` is already work. A generator's `finally` is not run
    when the caller leaves before the first word; `call_on_close` is run always, so what must happen belongs there.
    Raises ServiceUnavailable when no seat is free.
    """
    seat = seat or current_stream_slots().take()
    words = _until_cut(words, g.running.cut) if "running" in g else words
    answer = Response(words, mimetype="text/event-stream", headers={"X-Accel-Buffering": "no"})
    answer.call_on_close(seat.leave)
    return answer


def _until_cut(words: Iterable[bytes] | Iterable[str], cut: threading.Event) -> Iterator[bytes] | Iterator[str]:
    """The stream of a device until it is revoked: not a word more."""
    every = iter(words)
    try:
        for each in every:
            if cut.is_set():
                return
            yield each  # type: ignore[misc]  # all are of one kind
    finally:
        close = getattr(every, "close", None)
        if close is not None:
            close()
