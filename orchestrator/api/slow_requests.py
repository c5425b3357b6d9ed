"""How is a request read so that somebody who sends it slowly, or never to its end, holds no thread?

The head, and a body that is small, are gathered by the one loop that waits for all connections; a thread gets what is
whole. A larger body is read in its thread, at a least rate, and only so many threads may wait for one.
"""

from __future__ import annotations

import re
import select
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from gunicorn.http.unreader import SocketUnreader

from orchestrator.api.tls import is_tls

GATHERED_BYTES = 64 * 1024
"""Of a request that is gathered before it gets a thread. What is larger gets one with its head, or with so much."""
MOST_PIECES = 1000
"""In which a request may come until it is gathered: each is looked at together with those before it."""
LEAST_RATE = 1024
"""Bytes a second that a body has to bring in the long run."""
END_OF_HEAD = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,9})[ \t]*(?=\r\n)", re.IGNORECASE)
_UNTOLD = re.compile(rb"\r\n(?:transfer-encoding|expect):", re.IGNORECASE)
"""A body of unknown length, or one that comes only when it is asked for."""


def is_gathered(read: bytes) -> bool:
    """Whether a thread may have a request of which so much is there."""
    end = read.find(END_OF_HEAD)
    if end < 0 or len(read) >= GATHERED_BYTES:
        return len(read) >= GATHERED_BYTES
    head = read[: end + 2]
    told = _LENGTH.search(head)
    if told is None or _UNTOLD.search(head):
        return True
    whole = end + len(END_OF_HEAD) + int(told[1])
    return len(read) >= whole or whole > GATHERED_BYTES


@dataclass(kw_only=True)
class SlowReaders:
    """The threads that wait for somebody's body: so many at most, and so many for one address."""

    total: int
    each: int
    _waiting: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def waiting(self, address: str) -> Iterator[None]:
        """Waits here. Raises ServiceUnavailable where too many wait already."""
        from werkzeug.exceptions import ServiceUnavailable  # loaded with the app, in the worker

        with self._lock:
            if self._waiting[address] >= self.each or self._waiting.total() >= self.total:
                raise ServiceUnavailable("too many requests come in slowly: send this one again", retry_after=2)
            self._waiting[address] += 1
        try:
            yield
        finally:
            with self._lock:
                self._waiting[address] -= 1
                self._waiting += Counter()  # forgets addresses that wait for nothing


class PacedUnreader(SocketUnreader):  # type: ignore[misc]  # gunicorn ships no types
    """gunicorn's reader of a connection, which gives up on a request that is slower than the least rate."""

    def __init__(self, sock: socket.socket, address: str, readers: SlowReaders, patience: float) -> None:
        super().__init__(sock)
        self._address, self._readers, self._patience = address, readers, patience
        self._began, self._bytes, self._over = time.monotonic(), 0, False
        self._pieces = 0
        self._over_tls = is_tls(sock)

    def begin(self) -> None:
        """A new request begins, of which what is buffered has come."""
        self._began, self._bytes, self._over = time.monotonic(), 0, False
        self._pieces = 0

    def gather(self) -> bool:
        """Takes what has come, without waiting; false at the end of the connection. Raises OSError."""
        self._pieces += 1
        if self._pieces > MOST_PIECES:
            raise TimeoutError("the request comes in crumbs")
        while True:
            data = self._receive(GATHERED_BYTES)
            if data is None:
                return True
            self.buf.seek(0, 2)
            self.buf.write(data)
            if not self._over_tls or not data or len(self.buf.getvalue()) >= GATHERED_BYTES:
                return bool(data)  # over TLS nobody rings for the records that came along with this one

    def chunk(self, size_hint: int | None = None) -> bytes:
        """The next piece. Raises TimeoutError where it is late, ServiceUnavailable where too many are."""
        if self._over_tls:
            while (data := self._receive(min(size_hint or self.mxchunk, GATHERED_BYTES))) is None:
                self._wait()
        else:
            if not self._is_ready(0):
                self._wait()
            data = super().chunk(size_hint)
        self._bytes += len(data)
        return data

    def _receive(self, size: int) -> bytes | None:
        """What has come, at most so much; empty at the end of the connection, None where nothing has."""
        if self._over_tls:
            received: bytes | None = self.sock.receive(size)
            return received
        try:
            return bytes(self.sock.recv(size, socket.MSG_DONTWAIT))
        except BlockingIOError:
            return None

    def _wait(self) -> None:
        from werkzeug.exceptions import ServiceUnavailable

        left = self._began + self._patience + self._bytes / LEAST_RATE - time.monotonic()
        usual = self._over_tls and self.sock.waits
        draining: float | None = None if usual else self.sock.gettimeout()  # nobody is left who could be answered
        seconds = min(left, self._patience, self._patience if draining is None else draining)
        try:
            with self._readers.waiting(self._address):
                came = not self._over and self._is_ready(seconds)
        except ServiceUnavailable:
            self._over = True
            if draining is None:
                raise
            came = False
        if not came:
            self._over = True
            raise TimeoutError("the request comes too slowly")

    def _is_ready(self, seconds: float) -> bool:
        poll = select.poll()
        poll.register(self.sock, select.POLLIN)
        return bool(poll.poll(max(0.0, seconds) * 1000))


@dataclass(kw_only=True)
class Gathering:
    """Connections that the loop waits for, the oldest first: so many in all, and of one address, and so long each."""

    total: int
    each: int
    seconds: float
    """How long a request may take until it is gathered."""
    _since: dict[Any, float] = field(default_factory=dict)
    _addresses: Counter[str] = field(default_factory=Counter)

    def add(self, conn: Any, now: float) -> Any | None:
        """Waits for a connection's request, from the first time on; returns one that has to give way."""
        address = address_of(conn)
        if conn not in self._since:
            self._since[conn] = now
            self._addresses[address] += 1
        if self._addresses[address] > self.each:
            return next(one for one in self._since if address_of(one) == address)
        return next(iter(self._since)) if len(self._since) > self.total else None

    def remove(self, conn: Any) -> None:
        """Waits for it no more."""
        if self._since.pop(conn, None) is not None:
            self._addresses[address_of(conn)] -= 1
            self._addresses += Counter()

    def late(self, now: float, *, seconds: float | None = None) -> list[Any]:
        """Those that took too long."""
        most = self.seconds if seconds is None else seconds
        return [conn for conn, since in self._since.items() if now - since >= most]


def address_of(conn: Any) -> str:
    """Whose connection this is."""
    return str(conn.client[0]) if isinstance(conn.client, tuple) and conn.client else ""
