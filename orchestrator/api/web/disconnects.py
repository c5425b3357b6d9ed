"""Has the caller disconnected, though nothing is being written to them?

A server notices that only at its next write, and while a model reads a prompt there is none. One thread watches the
connections of all who wait, through the kernel (epoll); where there is no epoll, the ping each second has to do.
"""

from __future__ import annotations

import select
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from flask import request

SOCKET_KEYS = ("gunicorn.socket", "werkzeug.socket")


class DisconnectWatcher:
    """Calls back when a connection is closed from the other side."""

    def __init__(self) -> None:
        self._calls: dict[int, Callable[[], None]] = {}
        self._lock = threading.Lock()
        self._poll: select.epoll | None = None

    @contextmanager
    def watching(self, connection: socket.socket | None, gone: Callable[[], None]) -> Iterator[None]:
        """Calls `gone` once if the connection is closed meanwhile. Without a connection nothing is watched."""
        number = self._add(connection, gone) if connection is not None and hasattr(select, "epoll") else None
        try:
            yield
        finally:
            if number is not None:
                self._remove(number)

    def _add(self, connection: socket.socket, gone: Callable[[], None]) -> int:
        with self._lock:
            if self._poll is None:  # after the fork: a thread of the parent's would not be here
                self._poll = select.epoll()
                threading.Thread(target=self._look, args=(self._poll,), name="hangups", daemon=True).start()
            number = connection.fileno()
            self._calls[number] = gone
            self._poll.register(number, select.EPOLLRDHUP | select.EPOLLONESHOT)
        return number

    def _remove(self, number: int) -> None:
        with self._lock:
            self._calls.pop(number, None)
            try:
                if self._poll is not None:
                    self._poll.unregister(number)
            except (OSError, ValueError):
                return  # it was closed meanwhile, which takes it out

    def _look(self, poll: select.epoll) -> None:
        while True:
            for number, _ in poll.poll():
                with self._lock:  # what was polled may be closed by now, and its number another connection's
                    gone = self._calls.pop(number) if number in self._calls and _is_disconnected(number) else None
                if gone:
                    gone()


def _is_disconnected(number: int) -> bool:
    """Whether the other side of this connection is gone now."""
    poll = select.poll()
    poll.register(number, select.POLLRDHUP)
    return bool(poll.poll(0))


DISCONNECTS = DisconnectWatcher()
"""Of this process."""


def request_socket() -> socket.socket | None:
    """The connection of the request that is served; None where there is none, or the server does not tell."""
    found = next((request.environ[key] for key in SOCKET_KEYS if key in request.environ), None)
    return found if isinstance(found, socket.socket) and found.fileno() >= 0 else None


def came_over_tls() -> bool:
    """Whether the request came over TLS to this very process, not to a proxy before it."""
    return isinstance(request_socket(), ssl.SSLSocket)


def came_over_connection() -> bool:
    """Whether the request came over one; if not, this very process made it."""
    return any(key in request.environ for key in SOCKET_KEYS)
