"""How much may one device have a node keep? So many operations a day, and so many bytes in all.

The day is the node's own (UTC), so a device's clock changes nothing; what was handed in before and comes again is not
counted; and all of a device's stores count as one, because their names are the device's own to choose.
"""

from __future__ import annotations

from dataclasses import dataclass

from mobile_bridge.errors import OperationRefused

DAY_MS = 24 * 3600 * 1000


@dataclass(frozen=True, kw_only=True)
class DeviceQuota:
    """What a device may hand in; 0: no limit."""

    day_operations: int
    total_bytes: int


@dataclass(frozen=True, kw_only=True)
class DeviceUse:
    """What a device has handed in: on its last day (counted from 1970), and in all."""

    day: int = 0
    operations: int = 0
    total_bytes: int = 0

    def charged(self, quota: DeviceQuota, now: int, *, operations: int, size: int) -> DeviceUse:
        """With so many operations and bytes more. Raises OperationRefused; `now` is in milliseconds since 1970."""
        day = now // DAY_MS
        today = operations + (self.operations if day == self.day else 0)
        whole = self.total_bytes + size
        if quota.total_bytes and whole > quota.total_bytes:
            why = f"this node keeps {quota.total_bytes // 1024**2} MiB for one device, and has them of this one"
            raise OperationRefused("full", f"{why}: its owner may raise SHIFTBOOK_DEVICE_MEGABYTES")
        if quota.day_operations and today > quota.day_operations:
            why = f"this node takes {quota.day_operations} operations of one device in a day"
            raise OperationRefused(
                "quota", f"{why}: send these after midnight (UTC), or its owner raises SHIFTBOOK_DEVICE_OPERATIONS"
            )
        return DeviceUse(day=day, operations=today, total_bytes=whole)


def seconds_to_next_day(now: int) -> int:
    """From `now`, in milliseconds since 1970, until the count of a day begins anew."""
    return (DAY_MS - now % DAY_MS) // 1000 + 1
