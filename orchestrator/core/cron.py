"""When does a line of cron come due, and when did it last?

APScheduler works the times out. It counts week days from Monday where cron counts them from Sunday, so they are handed
over by name. The library is loaded only where a schedule is set: most commands need none.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from apscheduler.triggers.cron import CronTrigger

_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun")
_NUMBERS = re.compile(r"(?P<first>[0-7])(?:-(?P<last>[0-7])(?:/(?P<step>[1-7]))?)?")
_LOOK_BACK_STEPS = tuple(timedelta(hours=hours) for hours in (1, 24, 24 * 8, 24 * 32, 24 * 367, 24 * 367 * 5))
"""How far back a last time is looked for, the nearest first, so that a line that is due each minute costs no more."""


def trigger(line: str, zone: str) -> CronTrigger:
    """The times of five fields (minute, hour, day, month, week day) in a time zone. Raises ValueError."""
    from apscheduler.triggers.cron import CronTrigger

    fields = line.split()
    if len(fields) == 5:
        fields[4] = ",".join(_by_name(part) for part in fields[4].split(","))
    try:
        return CronTrigger.from_crontab(" ".join(fields), timezone=zone)
    except KeyError as error:
        raise ValueError(f"unknown time zone {zone!r}: write one such as Europe/Berlin, or UTC") from error


def last_due(times: CronTrigger, now: datetime) -> datetime | None:
    """The last time up to `now`; None if there was none within five years."""
    for back in _LOOK_BACK_STEPS:
        found: datetime | None = times.get_next_fire_time(None, now - back)
        if found is None or found > now:
            continue
        while True:
            following: datetime | None = times.get_next_fire_time(found, found + timedelta(seconds=1))
            if following is None or following > now:
                return found
            found = following
    return None


def _by_name(part: str) -> str:
    found = _NUMBERS.fullmatch(part)
    if found is None:
        return part
    first, last = int(found["first"]), int(found["last"] or found["first"])
    if last < first:
        raise ValueError(f"week days run backwards in {part!r}")
    return ",".join(dict.fromkeys(_DAYS[first : last + 1 : int(found["step"] or 1)]))
