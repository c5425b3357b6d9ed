"""What can a network do to a push? A TCP proxy for one node, in front of the Git server, that does it on demand.

Loopback only. A fault is chosen for each connection when it is opened, from the weather that is set at that moment.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random

CHUNK = 65536


class Weather(StrEnum):
    """What happens to connections."""

    FAIR = "fair"
    REFUSED = "refused"
    DROPPED = "dropped"
    """Nothing arrives any more, in either direction, and nobody says so."""
    SLOW = "slow"
    CUT = "cut"
    """Each connection breaks after some bytes, in the middle of a push as well."""
    DEAF = "deaf"
    """What the node sends arrives, the answer does not."""
    LATE = "late"
    """What the node sends arrives long after it has given up."""
    TWICE = "twice"
    """What the node sent arrives once more, some time after it was answered."""


@dataclass
class Proxy:
    """One node's way to the server at `target`."""

    target: int
    chance: Random
    weather: Weather = Weather.FAIR
    open: list[socket.socket] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._over = False
        self._server = threading.Thread(target=self._serve, name="proxy", daemon=True)
        self._server.start()

    def close(self) -> None:
        """Stops serving; what is under way breaks."""
        self._over = True
        with suppress(OSError):  # wakes the thread: it must be out of accept() before the listener's number is free
            socket.create_connection(("127.0.0.1", self.port), timeout=5).close()
        self._server.join(timeout=5)
        self._listener.close()
        for one in list(self.open):
            _close(one)

    def _serve(self) -> None:
        while True:
            client, _ = self._listener.accept()
            if self._over:
                client.close()
                return
            self.open.append(client)
            threading.Thread(target=self._carry, args=(client, self.weather), daemon=True).start()

    def _carry(self, client: socket.socket, weather: Weather) -> None:
        """One connection, from its opening to its end."""
        if weather is Weather.REFUSED:
            _close(client)
            return
        try:
            server = socket.create_connection(("127.0.0.1", self.target), timeout=30)
        except OSError:
            _close(client)
            return
        self.open.append(server)
        sent: list[bytes] = []
        there = threading.Thread(target=self._there, args=(client, server, weather, sent), daemon=True)
        there.start()
        self._back(server, client, weather)
        there.join(timeout=60)
        for one in (client, server):
            _close(one)
            self.open.remove(one)
        if weather is Weather.TWICE:
            time.sleep(self.chance.uniform(0.2, 4.0))
            self._again(b"".join(sent))

    def _there(self, client: socket.socket, server: socket.socket, weather: Weather, sent: list[bytes]) -> None:
        """From the node to the server."""
        budget = self.chance.choice((60, 400, 1200, 4000)) if weather is Weather.CUT else None
        for count, data in enumerate(_chunks(client)):
            sent.append(data)
            if weather is Weather.DROPPED or self.weather is Weather.DROPPED:
                continue
            if weather is Weather.SLOW:
                time.sleep(self.chance.uniform(0.05, 0.6))
            if weather is Weather.LATE and count == 1:  # the first is the greeting; what follows is the push
                time.sleep(self.chance.uniform(5.5, 9.0))
            if budget is not None and budget < len(data):
                _send(server, data[:budget])
                _close(server)
                _close(client)
                return
            budget = None if budget is None else budget - len(data)
            if not _send(server, data):
                return
        _finish(server)

    def _back(self, server: socket.socket, client: socket.socket, weather: Weather) -> None:
        """From the server to the node."""
        for count, data in enumerate(_chunks(server)):
            lost = weather is Weather.DROPPED or self.weather is Weather.DROPPED
            if lost or (weather is Weather.DEAF and count > 0):
                continue
            _send(client, data)
        if weather not in {Weather.DROPPED, Weather.DEAF} and self.weather is not Weather.DROPPED:
            _finish(client)

    def _again(self, data: bytes) -> None:
        """The same bytes once more, as a network that keeps a copy would."""
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.target), timeout=10) as server:
            server.sendall(data)
            server.shutdown(socket.SHUT_WR)
            for _ in _chunks(server):
                pass


def _chunks(source: socket.socket) -> Iterator[bytes]:
    """What comes, until the other side is done or the connection breaks."""
    while True:
        try:
            data = source.recv(CHUNK)
        except OSError:
            return
        if not data:
            return
        yield data


def _send(target: socket.socket, data: bytes) -> bool:
    try:
        target.sendall(data)
    except OSError:
        return False
    return True


def _finish(target: socket.socket) -> None:
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def _close(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
