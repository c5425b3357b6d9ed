"""Which device does this session belong to? A token for some minutes, for calls over TLS that are not sealed.

Only a sealed request can ask for one, so only the device's key can. Sessions are kept in the memory of the serving
process: a restart ends them, and a device gets another within one call.
"""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from orchestrator.api.auth.tokens import SESSION_PREFIX, TOUCH_INTERVAL, Caller, CallerKind, digest
from orchestrator.core.ports.paired_devices import PairedDevices

SESSION_SECONDS = 15 * 60.0
DEVICE_SESSIONS = 8
"""Sessions of one device; its oldest gives way, never another device's."""
MAX_SESSIONS = 1024


@dataclass(kw_only=True)
class InMemoryDeviceSessions:
    """The sessions of one process. The device is looked up at each use: a revoked one's session is over at once."""

    devices: PairedDevices
    now: Callable[[], datetime]
    clock: Callable[[], float]
    """Monotonic seconds."""
    _open: OrderedDict[str, tuple[str, float]] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, device_id: str) -> tuple[str, float]:
        """A new session of a device, and how many seconds it lasts."""
        secret = SESSION_PREFIX + secrets.token_urlsafe(32)
        with self._lock:
            mine = [key for key, (device, _) in self._open.items() if device == device_id]
            for key in mine[: max(0, len(mine) - DEVICE_SESSIONS + 1)]:
                del self._open[key]
            self._open[digest(secret)] = (device_id, self.clock() + SESSION_SECONDS)
            while len(self._open) > MAX_SESSIONS:
                self._open.popitem(last=False)
        return secret, SESSION_SECONDS

    def read(self, text: str) -> Caller | None:
        """The device of a session that is not over."""
        with self._lock:
            device_id, until = self._open.get(digest(text), ("", 0.0))
        return self.caller(device_id) if device_id and self.clock() < until else None

    def end(self, text: str) -> None:
        """Ends a session: somebody may have read it."""
        with self._lock:
            self._open.pop(digest(text), None)

    def caller(self, device_id: str) -> Caller | None:
        """A device as a caller, with what it may do now; None where it may not come in."""
        device = self.devices.find(device_id)
        if device is None:
            return None
        now = self.now()
        if device.seen is None or now - device.seen >= TOUCH_INTERVAL:
            self.devices.touch(device_id, now)
        return Caller(
            name=device.name,
            scopes=device.scopes,
            kind=CallerKind.DEVICE,
            digest=f"device {device_id}",
            device=device_id,
        )
