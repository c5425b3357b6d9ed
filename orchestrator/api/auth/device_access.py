"""With what does a node meet its devices: pairings, channels, sessions, and what is cut when one is revoked?

Made when the first device comes: a node without devices needs no key for them, nor what the extra `devices` brings.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from mobile_bridge.wire_encoding import decode_base64

from orchestrator.api.auth.device_sessions import InMemoryDeviceSessions
from orchestrator.app.devices.device_keys import device_key
from orchestrator.app.devices.device_pairing import DevicePairing
from orchestrator.core.ports.stores import Stores
from orchestrator.core.settings import Settings

if TYPE_CHECKING:
    from mobile_bridge.channel_table import ChannelTable


@dataclass(kw_only=True)
class DeviceAccess:
    """The devices' side of one serving process."""

    settings: Settings
    stores: Stores
    sessions: InMemoryDeviceSessions
    now: Callable[[], datetime]
    clock: Callable[[], float]
    """Monotonic seconds."""
    random: Callable[[int], bytes]
    _table: ChannelTable | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def channels(self) -> ChannelTable:
        """The sealed channels. Raises Refused without the extra, WrongSetting for an unusable key."""
        with self._lock:
            if self._table is None:
                key = device_key(self.settings)
                from mobile_bridge.channel_table import ChannelTable

                self._table = ChannelTable(key=key, public_key=self._public_key, clock=self.clock, random=self.random)
            return self._table

    @property
    def pairing(self) -> DevicePairing:
        """The pairings. Raises as `channels`."""
        return DevicePairing(
            pairings=self.stores.pairings,
            devices=self.stores.paired,
            key=self.channels.key,
            node=self.settings.node,
            now=self.now,
            random=self.random,
        )

    def in_force(self, device_id: str) -> bool:
        """Whether a device may come in. Raises StoreFailed."""
        return self.stores.paired.find(device_id) is not None

    def _public_key(self, device_id: str) -> bytes | None:
        found = self.stores.paired.find(device_id)
        return None if found is None else decode_base64(found.public_key)


def open_device_access(
    settings: Settings,
    stores: Stores,
    *,
    now: Callable[[], datetime],
    clock: Callable[[], float],
    random: Callable[[int], bytes],
) -> DeviceAccess:
    """The devices' side of a process with these stores."""
    sessions = InMemoryDeviceSessions(devices=stores.paired, now=now, clock=clock)
    return DeviceAccess(settings=settings, stores=stores, sessions=sessions, now=now, clock=clock, random=random)
