"""How are hundreds of streams listened to without disturbing what is measured? By one process with a selector."""

from __future__ import annotations

import json
import multiprocessing
import selectors
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from urllib.parse import urlsplit

OPENING_INTERVAL_SECONDS = 0.02
"""Seconds between two callers: people do not come in one millisecond."""
MAX_LISTEN_SECONDS = 180.0


@dataclass
class StreamListeners:
    """What the listeners tell."""

    pipe: Connection
    count: int
    heard: int = 0
    whole: int = 0
    first_ended_at: float | None = None
    _over: bool = False

    def wait_until_all_heard(self, seconds: float) -> None:
        """Waits until every stream has had its first word. Raises TimeoutError."""
        over = time.monotonic() + seconds
        while self.heard < self.count:
            if time.monotonic() > over or self._over:
                raise TimeoutError(f"{self.heard} of {self.count} streams had a word")
            self._take(0.1)

    @property
    def first_ended(self) -> bool:
        """Whether one of them has ended."""
        self._take(0)
        return self.first_ended_at is not None or self._over

    def finish(self) -> None:
        """Waits until all have ended."""
        while not self._over:
            self._take(1.0)

    def _take(self, seconds: float) -> None:
        while not self._over and self.pipe.poll(seconds):
            try:
                kind, number = self.pipe.recv()
            except EOFError:
                kind, number = "over", self.whole
            self.heard = number if kind == "heard" else self.heard
            if kind == "ended":
                self.first_ended_at = time.monotonic()
            if kind == "over":
                self.whole, self._over = number, True
            seconds = 0


@contextmanager
def listen_to_streams(url: str, count: int) -> Iterator[StreamListeners]:
    """Opens so many streams in a process of its own; when the block is left, waits for their ends."""
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_listen, args=(url, count, theirs), daemon=True)
    process.start()
    held = StreamListeners(pipe=ours, count=count)
    try:
        yield held
        held.finish()
    finally:
        process.join(10)
        if process.is_alive():
            process.kill()


@dataclass
class _Stream:
    link: socket.socket
    text: bytearray = field(default_factory=bytearray)
    heard: bool = False
    whole: bool = False


def _listen(url: str, count: int, pipe: Connection) -> None:
    where = urlsplit(url)
    address = (str(where.hostname), int(where.port or 80))
    selector, streams = selectors.DefaultSelector(), list[_Stream]()
    over, due = time.monotonic() + MAX_LISTEN_SECONDS, time.monotonic()
    ended = 0
    while ended < count and time.monotonic() < over:
        if len(streams) < count and time.monotonic() >= due:
            streams.append(_open(address, len(streams)))
            selector.register(streams[-1].link, selectors.EVENT_READ, streams[-1])
            due += OPENING_INTERVAL_SECONDS
        for key, _ in selector.select(timeout=OPENING_INTERVAL_SECONDS / 2):
            stream: _Stream = key.data
            data = _read(stream.link)
            stream.text += data
            if not stream.heard and b"event: token" in stream.text:
                stream.heard = True
                pipe.send(("heard", sum(each.heard for each in streams)))
            if b"event: done" in stream.text and not stream.whole:
                stream.whole = True
                pipe.send(("ended", 1))
            if not data:
                selector.unregister(stream.link)
                stream.link.close()
                ended += 1
    pipe.send(("over", sum(each.whole for each in streams)))


def _read(link: socket.socket) -> bytes:
    try:
        return link.recv(65536)
    except OSError:
        return b""


def _open(address: tuple[str, int], number: int) -> _Stream:
    body = json.dumps({"message": "Hello?", "device_id": f"d{number}"}).encode()
    lines = ("POST /chat/stream HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json", "Connection: close")
    head = "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""])
    link = socket.create_connection(address, timeout=30)
    link.sendall(head.encode() + body)
    return _Stream(link)
