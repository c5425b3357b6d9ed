"""When may a person be disturbed? Hours of the night in their own time zone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

_HOURS = re.compile(r"\s*([01]?\d|2[0-3]):([0-5]\d)\s*-\s*([01]?\d|2[0-3]):([0-5]\d)\s*")


@dataclass(frozen=True, kw_only=True)
class QuietHours:
    """From `begins` to `ends` each day, over midnight where it begins later than it ends. Equal: never."""

    begins: time
    ends: time
    zone: ZoneInfo

    def until(self, now: datetime) -> datetime:
        """When the next message may go out: `now`, or the end (UTC) of the quiet hours that it lies in.

        On the day when clocks are put forward an end that does not exist is an hour later by the clock on the wall; of
        one that comes twice it is the first.
        """
        local = now.astimezone(self.zone)
        here = local.time()
        over = self.begins > self.ends
        inside = here >= self.begins or here < self.ends if over else self.begins <= here < self.ends
        if not inside:
            return now
        day = local.date() + timedelta(days=1 if over and here >= self.begins else 0)
        end = datetime.combine(day, self.ends, tzinfo=self.zone).astimezone(UTC)
        return max(end, now)


def read(hours: str, zone: str) -> QuietHours | None:
    """Quiet hours such as `22:00-07:00`; None where the text is empty. Raises ValueError."""
    if not hours.strip() and zone == "UTC":
        return None  # as most fleets have it, whose zone need not be looked for
    from zoneinfo import ZoneInfo

    try:
        found_zone = ZoneInfo(zone)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f"unknown time zone {zone!r}: write one such as Europe/Berlin, or UTC") from error
    if not hours.strip():
        return None
    found = _HOURS.fullmatch(hours)
    if found is None:
        raise ValueError(f"write quiet hours such as 22:00-07:00, not {hours!r}")
    first, second, third, fourth = map(int, found.groups())
    return QuietHours(begins=time(first, second), ends=time(third, fourth), zone=found_zone)
