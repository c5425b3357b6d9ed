"""What did devices say of themselves?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from orchestrator.core.json_object import Json


@dataclass(frozen=True, kw_only=True)
class DeviceState:
    """What a device said of itself at one moment. `seq` counts each device's reports from 1."""

    device: str
    seq: int
    state: Json
    when: datetime


class Devices(Protocol):
    """The last state of each device, and the ones before."""

    def put_state(self, device_id: str, state: Json, when: datetime) -> DeviceState:
        """Adds a state; of each device the newest 1,000 are kept."""

    def state(self, device_id: str) -> DeviceState | None:
        """The newest state; None when the device never reported one."""

    def history(self, device_id: str, limit: int = 50, before: int | None = None) -> tuple[DeviceState, ...]:
        """States, newest first; only those with a `seq` below `before` where that is given."""
