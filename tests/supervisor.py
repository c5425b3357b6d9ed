"""How does a test stand in for the supervisor of a service? With a socket, and a watchdog that bites."""

from __future__ import annotations

import os
import select
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.waiting import PATIENCE


@dataclass
class Listener:
    """What a service says to its supervisor, as it arrives."""

    line: socket.socket
    path: Path
    heard: list[str] = field(default_factory=list)

    def environment(self, watchdog_seconds: float = 0.0) -> dict[str, str]:
        """What systemd sets for a unit with Type=notify, and with WatchdogSec= if that is given."""
        wait = {"WATCHDOG_USEC": str(round(watchdog_seconds * 1_000_000))} if watchdog_seconds else {}
        return {"NOTIFY_SOCKET": str(self.path)} | wait

    def next(self, seconds: float) -> str:
        """The next datagram; empty when none comes in that time."""
        if not select.select([self.line], [], [], seconds)[0]:
            return ""
        self.heard.append(self.line.recv(65536).decode())
        return self.heard[-1]

    def until(self, line: str) -> str:
        """Waits for a datagram that has this line, and returns it whole."""
        over = time.monotonic() + PATIENCE
        while time.monotonic() < over:
            said = self.next(1.0)
            if line in said.splitlines():
                return said
        raise AssertionError(f"{line} was never said, but {self.heard[-5:]}")

    def guard(self, pid: int, watchdog_seconds: float) -> None:
        """Does what systemd does: SIGABRT once nothing was heard for so long. Returns then."""
        fed = time.monotonic()
        while (left := fed + watchdog_seconds - time.monotonic()) > 0:
            if "WATCHDOG=1" in self.next(left).splitlines():
                fed = time.monotonic()
        os.kill(pid, signal.SIGABRT)


@contextmanager
def listening(folder: Path) -> Iterator[Listener]:
    """A supervisor's socket in a folder."""
    path = folder / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.bind(str(path))
        yield Listener(line, path)
