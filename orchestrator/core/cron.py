"""When was a line of cron last due in a time zone, and when is it due next?

CronSim reads the lines and steps through the times that a wall clock shows. Which moments those are is worked out here,
because its steps back go backwards twice through the hour that a clock repeats. The rules are those of Debian's cron:

- A time that the clock leaves out is due at the change, once.
- A time that the clock shows twice is due the first time; each time if the line's minutes or hours begin with `*`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

_MINUTE = timedelta(minutes=1)


def check(line: str, zone: str) -> None:
    """Raises ValueError for what is no line of five fields (minute, hour, day, month, week day), or no time zone.

    Says both where both are wrong.
    """
    wrong = []
    looks: tuple[Callable[[], object], ...] = (lambda: _check_line(line), lambda: _zone(zone))
    for look in looks:
        try:
            look()
        except ValueError as error:
            wrong.append(str(error))
    if wrong:
        raise ValueError("; ".join(wrong))


def _check_line(line: str) -> None:
    if len(fields := line.split()) != 5:
        raise ValueError(f"{line!r} has {len(fields)} fields, not five: minute hour day month week-day")
    try:
        CronSim(line, datetime(2000, 1, 1))
    except CronSimError as error:
        raise ValueError(f"{line!r} is no line of cron: {error}") from error


def last_due(line: str, zone: str, now: datetime) -> datetime | None:
    """The last moment up to `now`, in UTC; None if there was none within fifty years. Raises ValueError."""
    return max((moment for moment in _moments(line, _zone(zone), now, back=True) if moment <= now), default=None)


def next_due(line: str, zone: str, now: datetime) -> datetime | None:
    """The first moment after `now`, in UTC; None if there is none within fifty years. Raises ValueError."""
    return min((moment for moment in _moments(line, _zone(zone), now, back=False) if moment > now), default=None)


def _moments(line: str, zone: ZoneInfo, now: datetime, *, back: bool) -> Iterator[datetime]:
    """Those among which the nearest one is: whatever is due from each of at most three places of the clock's hand."""
    minute, hour = line.split()[:2]
    folds = (0, 1) if "*" in (minute[0], hour[0]) else (0,)
    for wall in _places(now.astimezone(zone).replace(second=0, microsecond=0, tzinfo=None, fold=0), zone):
        for due in islice(CronSim(line, wall + _MINUTE if back else wall, reverse=back), 1):
            while _jump(due, zone) > timedelta():
                due += _MINUTE
            yield from (due.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in folds)


def _places(wall: datetime, zone: ZoneInfo) -> set[datetime]:
    """The minute itself, and if the clock shows it twice also the last before that span and the last of it."""
    first = last = wall
    while _jump(first, zone) < timedelta():
        first -= _MINUTE
    while _jump(last + _MINUTE, zone) < timedelta():
        last += _MINUTE
    return {first, wall, last}


def _jump(wall: datetime, zone: ZoneInfo) -> timedelta:
    """By how much the clock is put on (then it never shows this time) or back (then it shows it twice)."""
    before, after = (wall.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1))
    assert before is not None
    assert after is not None
    return after - before


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError) as error:
        raise ValueError(f"unknown time zone {name!r}: write one such as Europe/Berlin, or UTC") from error
