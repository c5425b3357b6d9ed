"""What of a device's is running now, and how is it cut when the device is revoked?

`shiftbook device revoke` is another process, so the rows are looked at once a second while a device's request runs: a
stream that is revoked ends within that second, whatever its maker waits for.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from orchestrator.core.errors import StoreFailed

LOOK_SECONDS = 1.0


@dataclass(eq=False, kw_only=True)
class RunningRequest:
    """One request of a device that has not ended."""

    device: str
    connection: socket.socket | None
    cut: threading.Event = field(default_factory=threading.Event)
    """Set when its device is out: nothing more is sent."""


class RevocationWatch:
    """The requests of devices that run in this process."""

    def __init__(self, in_force: Callable[[str], bool], *, seconds: float = LOOK_SECONDS) -> None:
        """`in_force` says whether a device may still come in."""
        self._in_force, self._seconds = in_force, seconds
        self._running: set[RunningRequest] = set()
        self._lock = threading.Lock()
        self._watching = False

    def begin(self, device: str, connection: socket.socket | None) -> RunningRequest:
        """A device's request begins."""
        request = RunningRequest(device=device, connection=connection)
        with self._lock:
            self._running.add(request)
            if not self._watching:
                self._watching = True
                threading.Thread(target=self._watch, name="revoked devices", daemon=True).start()
        return request

    def end(self, request: RunningRequest) -> None:
        """It has ended."""
        with self._lock:
            self._running.discard(request)

    def cut(self, device: str) -> None:
        """Cuts everything of a device's."""
        with self._lock:
            mine = [each for each in self._running if each.device == device]
        for each in mine:
            each.cut.set()
            if each.connection is not None:
                with contextlib.suppress(OSError):  # gone by itself
                    each.connection.shutdown(socket.SHUT_RDWR)

    def _watch(self) -> None:
        pause = threading.Event()
        while not pause.wait(self._seconds):
            with self._lock:
                devices = {each.device for each in self._running}
                if not devices:
                    self._watching = False
                    return
            for device in devices:
                with contextlib.suppress(StoreFailed):  # the next look says
                    if not self._in_force(device):
                        self.cut(device)
