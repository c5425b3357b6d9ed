"""Are lines of cron read as cron reads them, in every zone and at every moment, also while clocks are changed?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.core import cron
from orchestrator.core.errors import BrokenLedger
from orchestrator.ledger.config import fleet_toml

pytestmark = pytest.mark.timeout(120)  # a search that turns in place fails here and not after the suite's limit

NOW = datetime(2026, 11, 21, 12, 0, 30, tzinfo=UTC)  # a Saturday
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("line", "last"),
    [
        ("0 3 * * *", "2026-11-21T03:00"),
        ("* * * * *", "2026-11-21T12:00"),
        ("0 3 * * 0", "2026-11-15T03:00"),
        ("0 3 * * 7", "2026-11-15T03:00"),
        ("0 3 * * 1-5", "2026-11-20T03:00"),
        ("0 3 * * 5-7", "2026-11-21T03:00"),
        ("0 3 * * 1,3", "2026-11-18T03:00"),
        ("0 3 * * 1-5/2", "2026-11-20T03:00"),
        ("0 3 * * tue", "2026-11-17T03:00"),
        ("0 3 19 * 5", "2026-11-20T03:00"),
        ("30 23 29 2 *", "2024-02-29T23:30"),
    ],
)
def test_the_last_time_is_the_one_that_cron_means(line: str, last: str) -> None:
    """Week days count from Sunday, 7 is Sunday, too, and a day of the month beside a day of the week means either."""
    assert cron.last_due(line, "UTC", NOW) == utc(last)


@pytest.mark.parametrize(
    "lines",
    [
        'cron = "0 3 * *"',
        'cron = "0 0 3 * * *"',
        'cron = "99 3 * * *"',
        'cron = "0 3 * * 5-1"',
        'cron = "0 3 30 2 *"',
        'cron = "0 3 * * *"\ntimezone = "Mars/Base"',
        'cron = "0 3 * * *"\ntimezone = "Europe"',
        'cron = "0 3 * * *"\ntimezone = "../etc/passwd"',
    ],
)
def test_a_wrong_line_is_one_clear_error(lines: str) -> None:
    """fleet.toml with a line that cannot be meant is refused, naming the table."""
    with pytest.raises(BrokenLedger, match=r"fleet\.toml, line \d: review"):
        fleet_toml.read(f"[review]\n{lines}\n".encode())


@given(line=st.one_of(st.text(max_size=30), st.text("0123456789*/-,#L MONJAN", max_size=30)))
def test_any_text_is_a_line_or_one_kind_of_error(line: str) -> None:
    """What can be written into fleet.toml ends as ValueError or comes due, and nothing else."""
    try:
        cron.check(line, "Europe/Berlin")
    except ValueError:
        return
    found = cron.last_due(line, "Europe/Berlin", NOW)
    assert found is None or found <= NOW


def test_a_zone_is_kept_over_the_change_of_clocks() -> None:
    """Three in the morning in Berlin is 01:00 UTC in summer and 02:00 UTC in winter."""
    assert cron.last_due("0 3 * * *", "Europe/Berlin", utc("2026-07-01T12:00")) == utc("2026-07-01T01:00")
    assert cron.last_due("0 3 * * *", "Europe/Berlin", utc("2026-12-01T12:00")) == utc("2026-12-01T02:00")


@pytest.mark.parametrize(
    ("zone", "line", "now", "last", "following"),
    [
        # Berlin's clock goes from 03:00 back to 02:00 at 01:00 UTC; 02:30 is at 00:30 UTC, and again at 01:30.
        ("Europe/Berlin", "30 2 * * *", "2026-10-25T00:29", "2026-10-24T00:30", "2026-10-25T00:30"),
        ("Europe/Berlin", "30 2 * * *", "2026-10-25T00:30", "2026-10-25T00:30", "2026-10-26T01:30"),
        ("Europe/Berlin", "30 2 * * *", "2026-10-25T01:10", "2026-10-25T00:30", "2026-10-26T01:30"),
        ("Europe/Berlin", "30 2 * * *", "2026-10-25T01:40", "2026-10-25T00:30", "2026-10-26T01:30"),
        ("Europe/Berlin", "0 2 * * *", "2026-10-25T01:10", "2026-10-25T00:00", "2026-10-26T01:00"),
        ("Europe/Berlin", "*/30 * * * *", "2026-10-25T00:59", "2026-10-25T00:30", "2026-10-25T01:00"),
        ("Europe/Berlin", "*/30 * * * *", "2026-10-25T01:10", "2026-10-25T01:00", "2026-10-25T01:30"),
        ("Europe/Berlin", "30 * * * *", "2026-10-25T01:10", "2026-10-25T00:30", "2026-10-25T01:30"),
        ("Europe/Berlin", "30 2 25 10 *", "2026-11-29T12:00", "2026-10-25T00:30", "2027-10-25T00:30"),
        ("Europe/Berlin", "30 2 * * 0", "2026-10-29T12:00", "2026-10-25T00:30", "2026-11-01T01:30"),
        ("Europe/Helsinki", "0 3 * * *", "2026-10-25T01:10", "2026-10-25T00:00", "2026-10-26T01:00"),
        ("America/New_York", "30 1 1 * *", "2026-11-01T06:10", "2026-11-01T05:30", "2026-12-01T06:30"),
        ("America/New_York", "30 1 1 11 *", "2026-11-21T12:00", "2026-11-01T05:30", "2027-11-01T05:30"),
        # Lord Howe goes back by half an hour, from 02:00 to 01:30, at 15:00 UTC.
        ("Australia/Lord_Howe", "0 * * * *", "2026-04-04T15:20", "2026-04-04T14:00", "2026-04-04T15:30"),
        ("Australia/Lord_Howe", "45 * * * *", "2026-04-04T15:10", "2026-04-04T14:45", "2026-04-04T15:15"),
        # These go back at midnight, into the day before or to the same day's beginning.
        ("America/Havana", "0 * * * *", "2026-11-01T05:30", "2026-11-01T05:00", "2026-11-01T06:00"),
        ("Atlantic/Azores", "0 * * * *", "2026-10-25T01:30", "2026-10-25T01:00", "2026-10-25T02:00"),
        ("Africa/Cairo", "0 * * * *", "2026-10-29T21:30", "2026-10-29T21:00", "2026-10-29T22:00"),
        ("Asia/Beirut", "0 * * * *", "2026-10-24T21:30", "2026-10-24T21:00", "2026-10-24T22:00"),
        ("America/Santiago", "0 * * * *", "2026-04-05T03:30", "2026-04-05T03:00", "2026-04-05T04:00"),
        ("America/Santiago", "*/30 23 * * 6", "2026-04-08T12:00", "2026-04-05T03:30", "2026-04-12T03:00"),
        # The hour that the change in spring leaves out is due at the change, once.
        ("Europe/Berlin", "30 2 * * *", "2026-03-29T00:59", "2026-03-28T01:30", "2026-03-29T01:00"),
        ("Europe/Berlin", "30 2 * * *", "2026-03-29T01:10", "2026-03-29T01:00", "2026-03-30T00:30"),
        ("Europe/Berlin", "*/30 2 * * *", "2026-03-29T12:00", "2026-03-29T01:00", "2026-03-30T00:00"),
        ("Europe/Berlin", "0 2,3 * * *", "2026-03-29T12:00", "2026-03-29T01:00", "2026-03-30T00:00"),
        ("America/Santiago", "0 0 * * 0", "2026-09-06T12:00", "2026-09-06T04:00", "2026-09-13T03:00"),
        # Samoa went over the date line and had no 30 December.
        ("Pacific/Apia", "0 12 30 12 *", "2012-01-03T00:00", "2011-12-30T10:00", "2012-12-29T22:00"),
    ],
)
def test_a_change_of_clocks_is_neither_missed_nor_met_twice(
    zone: str, line: str, now: str, last: str, following: str
) -> None:
    """The last and the next time, worked out by hand; all in UTC."""
    assert cron.last_due(line, zone, utc(now)) == utc(last)
    assert cron.next_due(line, zone, utc(now)) == utc(following)


ZONES = (
    "Africa/Cairo",
    "America/Havana",
    "America/New_York",
    "America/Santiago",
    "Antarctica/Troll",
    "Asia/Beirut",
    "Asia/Kathmandu",
    "Atlantic/Azores",
    "Australia/Lord_Howe",
    "Europe/Berlin",
    "Europe/Dublin",
    "Europe/Helsinki",
    "Pacific/Apia",
    "Pacific/Chatham",
    "UTC",
)


@lru_cache
def changes(zone: str) -> list[datetime]:
    """The days before which this zone's clock was changed, 2009 to 2029."""
    days = [datetime(2009, 1, 1, tzinfo=UTC) + DAY * count for count in range(7600)]
    offsets = [day.astimezone(ZoneInfo(zone)).utcoffset() for day in days]
    return [day for day, (before, after) in zip(days[1:], pairwise(offsets), strict=True) if before != after]


FIELDS = {
    "minute": ["*", "*/30", "0", "30", "15,45", "59"],
    "hour": ["*", "*/2", "0", "1", "2", "1-3", "23"],
    "day": ["*", "*", "1", "25"],
    "week day": ["*", "*", "0", "6"],
}


@st.composite
def lines(draw: st.DrawFn) -> str:
    minute, hour, day, week_day = (draw(st.sampled_from(choice)) for choice in FIELDS.values())
    return f"{minute} {hour} {day} * {week_day}"


@st.composite
def moments(draw: st.DrawFn) -> tuple[str, datetime]:
    """A zone and a moment, mostly close to a change of its clock."""
    zone = draw(st.sampled_from(ZONES))
    near = draw(st.sampled_from(changes(zone) or [NOW]))
    return zone, near + timedelta(seconds=draw(st.integers(-3 * 86400, 2 * 86400)))


@given(line=lines(), place=moments())
def test_the_last_time_is_what_a_look_at_every_minute_finds(line: str, place: tuple[str, datetime]) -> None:
    """Two days are gone through minute by minute; what comes due in them is what `last_due` and `next_due` name."""
    zone, now = place
    now = now.replace(second=0)
    due = list(minutes_due(line, zone, now - DAY, now + DAY))
    last, following = cron.last_due(line, zone, now), cron.next_due(line, zone, now)
    assert max((each for each in due if each <= now), default=None) == (last if last and last > now - DAY else None)
    assert min((each for each in due if each > now), default=None) == (
        following if following and following <= now + DAY else None
    )


@settings(deadline=None)
@given(line=lines(), place=moments(), step=st.integers(0, 400_000))
def test_time_never_goes_back_and_skips_nothing(line: str, place: tuple[str, datetime], step: int) -> None:
    """A later look finds the same time or a later one; each next time is the last one when it has come."""
    zone, now = place
    last, later = cron.last_due(line, zone, now), cron.last_due(line, zone, now + timedelta(seconds=step))
    assert last is not None
    assert later is not None
    assert last <= now
    assert last <= later
    following = cron.next_due(line, zone, now)
    assert following is not None
    assert following > now
    assert cron.last_due(line, zone, following) == following
    assert cron.last_due(line, zone, following - timedelta(seconds=1)) == last
    assert cron.next_due(line, zone, last) == following


def minutes_due(line: str, zone: str, begin: datetime, end: datetime) -> Iterator[datetime]:
    """Every minute after `begin` up to `end` at which a line comes due, by what the clock shows."""
    minute, hour, day, _, week_day = line.split()
    every_time = minute[0] == "*" or hour[0] == "*"
    at, shown_before = begin, wall_clock(begin, zone)
    while at < end:
        at += MINUTE
        shown = wall_clock(at, zone)
        left_out = shown - shown_before - MINUTE
        walls = [shown - MINUTE * count for count in range(1, max(left_out // MINUTE, 0) + 1)]
        if every_time or not at.astimezone(ZoneInfo(zone)).fold:
            walls.append(shown)
        if any(matches(wall, minute, hour, day, week_day) for wall in walls):
            yield at
        shown_before = shown


def wall_clock(at: datetime, zone: str) -> datetime:
    return at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)


def matches(wall: datetime, minute: str, hour: str, day: str, week_day: str) -> bool:
    on_day, on_week_day = wall.day in numbers(day, 1, 31), wall.isoweekday() % 7 in numbers(week_day, 0, 6)
    both = "*" in (day, week_day)
    on = on_day and on_week_day if both else on_day or on_week_day
    return on and wall.minute in numbers(minute, 0, 59) and wall.hour in numbers(hour, 0, 23)


@lru_cache
def numbers(field: str, least: int, most: int) -> set[int]:
    """The few forms that are drawn above, read without the library."""
    if field.startswith("*"):
        return set(range(least, most + 1, int(field[2:] or 1)))
    if "-" in field:
        first, last = map(int, field.split("-"))
        return set(range(first, last + 1))
    return set(map(int, field.split(",")))
