"""What does a maker's own signal say of an account's window: its kind, how much of it is used, when it begins anew?

Only fields that a program or an API declares for it are made into one of these. What is written in sentences, by a
model or by a program, is none, however plainly it speaks of a limit.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

MAX_AHEAD = timedelta(days=35)
"""No window lasts longer; a time beyond it is no signal."""
KIND = re.compile(r"[a-z0-9][a-z0-9_.-]{0,39}", re.ASCII)
LENGTHS = {
    "five_hour": timedelta(hours=5),
    "seven_day": timedelta(days=7),
    "seven_day_opus": timedelta(days=7),
    "seven_day_sonnet": timedelta(days=7),
}
"""How long windows last whose names say it."""
_MINUTES = re.compile(r"([1-9][0-9]{0,5})_minute", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class QuotaWindow:
    """One window of an account. `resets_at` (UTC) is when it begins anew; `used_percent` is None where nobody says.

    `exhausted` is that the maker turned work away because of it.
    """

    kind: str
    resets_at: datetime
    used_percent: float | None = None
    exhausted: bool = False


def read_window(
    kind: str, resets: float, now: datetime, *, used_percent: float | None = None, exhausted: bool = False
) -> QuotaWindow | None:
    """A window of what was declared, `resets` in seconds since 1970; None where that is no time of a window."""
    word = re.sub(r"[^a-z0-9_.-]", "_", kind.strip().lower())
    try:
        moment = datetime.fromtimestamp(resets, UTC).replace(microsecond=0)
    except (OverflowError, ValueError, OSError):
        return None
    if not KIND.fullmatch(word) or not now < moment <= now + MAX_AHEAD:
        return None
    used = None if used_percent is None or not 0 <= used_percent <= 1000 else min(100.0, float(used_percent))
    return QuotaWindow(kind=word, resets_at=moment, used_percent=used, exhausted=exhausted)


def kind_of_minutes(minutes: int) -> str:
    """What a window of so many minutes is called."""
    known = (name for name, length in LENGTHS.items() if length == timedelta(minutes=minutes))
    return next(known, f"{minutes}_minute")


def window_length(kind: str) -> timedelta | None:
    """How long a window of this kind lasts; None where its name does not say."""
    found = _MINUTES.fullmatch(kind)
    return timedelta(minutes=int(found[1])) if found else LENGTHS.get(kind)


def latest_windows(windows: Iterable[QuotaWindow]) -> tuple[QuotaWindow, ...]:
    """Of each kind the word that came last."""
    return tuple({each.kind: each for each in windows}.values())
