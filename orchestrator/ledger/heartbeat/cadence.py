"""How often is a cadence of HEARTBEAT.md due? Its headings in words, as lines of cron."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from orchestrator.core import cron

EACH_TURN = "each turn"
_WEEKDAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_AT = r"(?:\W+(?:at\W+)?(?P<hour>[01]?\d|2[0-3]):(?P<minute>[0-5]\d))?"
_ON = rf"(?:\W+(?:on\W+)?(?P<day>{'|'.join(_WEEKDAYS)})s?)?"
_MONTHS = re.compile(rf"(?:every month|monthly){_AT}")
_WEEKS = re.compile(rf"(?:every week|weekly){_ON}{_AT}|every (?P<only>{'|'.join(_WEEKDAYS)}){_AT.replace('P<', 'P<o')}")
_DAYS = re.compile(rf"(?:every day|daily){_AT}")
_HOURS = re.compile(r"every hour|hourly")
_TURNS = re.compile(r"(?:every|each) (?:beat|turn|heartbeat)")
_STEPS = re.compile(r"every (?P<number>\d{1,2}) (?P<unit>minutes?|hours?)")
_CRON = re.compile(r"cron\W+(?P<line>\S+(?: \S+){4})")
HOW = (
    "write Every beat, Hourly, Daily, Weekly, Monthly, Daily at 07:30, Weekly on Friday, Every 15 minutes, "
    "or Cron: 0 7 * * 1-5"
)


@dataclass(frozen=True, kw_only=True)
class Cadence:
    """How often. `line` is five fields of cron, or EACH_TURN; `words` is the heading as people wrote it."""

    words: str
    line: str

    def last_due(self, zone: str, minutes: int, now: datetime) -> datetime | None:
        """The last moment up to `now` at which it was due, in UTC; None if there was none.

        `zone` is where clocks are read, `minutes` how long a turn is. Raises ValueError for an unknown time zone.
        """
        if self.line == EACH_TURN:
            return turn_start(minutes, now)
        return cron.last_due(self.line, zone, now)

    def next_due(self, zone: str, minutes: int, now: datetime) -> datetime | None:
        """The first moment after `now`, in UTC; None if there is none. Raises ValueError."""
        if self.line == EACH_TURN:
            return turn_start(minutes, now) + timedelta(minutes=minutes)
        return cron.next_due(self.line, zone, now)


def turn_start(minutes: int, now: datetime) -> datetime:
    """When the turn began that `now` lies in, in UTC: the same for every node."""
    seconds = minutes * 60
    return datetime.fromtimestamp(int(now.timestamp()) // seconds * seconds, UTC)


def read_cadence(heading: str) -> Cadence:
    """The cadence that a heading names. Raises ValueError, which says what may stand there."""
    plain = " ".join(heading.replace("(", " ").replace(")", " ").split()).strip(" .:#").lower()
    for pattern, make in _READERS:
        found = pattern.fullmatch(plain)
        if found:
            line = make(found)
            if line != EACH_TURN:
                cron.check(line, "UTC")  # raises ValueError
            return Cadence(words=" ".join(heading.split()).strip(" :"), line=line)
    raise ValueError(HOW)


def _clock(found: re.Match[str], prefix: str = "") -> str:
    hour, minute = found[f"{prefix}hour"], found[f"{prefix}minute"]
    return f"{int(minute or 0)} {int(hour or 0)}"


def _weekly(found: re.Match[str]) -> str:
    if found["only"]:
        return f"{_clock(found, 'o')} * * {_WEEKDAYS.index(found['only'])}"
    return f"{_clock(found)} * * {_WEEKDAYS.index(found['day'] or 'monday')}"


def _steps(found: re.Match[str]) -> str:
    number, minutes = int(found["number"]), found["unit"].startswith("minute")
    whole = 60 if minutes else 24
    if number == 0 or whole % number:
        raise ValueError(f"{whole} {'minutes' if minutes else 'hours'} cannot be divided by {number}; {HOW}")
    if number == whole:
        return "0 * * * *" if minutes else "0 0 * * *"
    return f"*/{number} * * * *" if minutes else f"0 */{number} * * *"


_READERS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
    (_TURNS, lambda _found: EACH_TURN),
    (_HOURS, lambda _found: "0 * * * *"),
    (_STEPS, _steps),
    (_DAYS, lambda found: f"{_clock(found)} * * *"),
    (_WEEKS, _weekly),
    (_MONTHS, lambda found: f"{_clock(found)} 1 * *"),
    (_CRON, lambda found: found["line"]),
)
