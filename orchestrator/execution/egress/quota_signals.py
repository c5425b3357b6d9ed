"""Which signals of a quota are in an answer of a model's API: its status, headers and fields on an account's windows?

The run's line sees every call of every program that has a key, so this needs no dialect of a program. Headers tell of
windows with any answer; only one that turned the call away (429) says that one is used up.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from missions.plain_data import read_json
from orchestrator.core.quota_window import QuotaWindow, kind_of_minutes, read_window

TURNED_AWAY = 429
MAX_BODY_BYTES = 64 * 1024
"""Bytes of an answer that turned a call away which are looked through."""
ANTHROPIC = "anthropic-ratelimit-unified"
ANTHROPIC_WINDOWS = {"5h": "five_hour", "7d": "seven_day"}
CODEX_WINDOWS = ("primary", "secondary")
_SECONDS = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)s", re.ASCII)

WAIT_KIND, UNNAMED_KIND = "retry_after", "unified"
"""What windows are called of which a maker says only when to come back, or not which one it is."""


def header_windows(status: int, headers: Mapping[str, str], now: datetime) -> tuple[QuotaWindow, ...]:
    """The windows that an answer's head declares."""
    away = status == TURNED_AWAY
    return (*_anthropic(headers, now, away=away), *_codex(headers, now, away=away))


def body_windows(data: bytes, now: datetime) -> tuple[QuotaWindow, ...]:
    """The windows that the body of an answer which turned a call away declares used up, in fields of its error."""
    try:
        found = read_json(data[:MAX_BODY_BYTES].decode("utf-8", "replace"))
    except ValueError:
        return ()
    error = found[0] if isinstance(found, list) and found else found
    error = error.get("error") if isinstance(error, dict) else None
    return tuple(filter(None, _of_error(error, now))) if isinstance(error, dict) else ()


def wait_window(seconds: float, now: datetime) -> QuotaWindow | None:
    """What an answer says that asks in its head to come back so late."""
    return read_window(WAIT_KIND, now.timestamp() + math.ceil(seconds), now, exhausted=True)


def _anthropic(headers: Mapping[str, str], now: datetime, *, away: bool) -> Iterator[QuotaWindow]:
    for short, kind in ANTHROPIC_WINDOWS.items():
        name = f"{ANTHROPIC}-{short}"
        used = number_in(headers.get(f"{name}-utilization", ""))
        rejected = away and headers.get(f"{name}-status") == "rejected"
        share = None if used is None else used * 100
        resets = number_in(headers.get(f"{name}-reset", ""))
        found = read_window(kind, resets or 0.0, now, used_percent=share, exhausted=rejected)
        if found is not None:
            yield found
    if away and headers.get(f"{ANTHROPIC}-status") == "rejected":
        claim = headers.get(f"{ANTHROPIC}-representative-claim", "") or UNNAMED_KIND
        resets = number_in(headers.get(f"{ANTHROPIC}-reset", ""))
        found = read_window(claim, resets or 0.0, now, used_percent=100.0, exhausted=True)
        if found is not None:
            yield found


def _codex(headers: Mapping[str, str], now: datetime, *, away: bool) -> Iterator[QuotaWindow]:
    for which in CODEX_WINDOWS:
        used = number_in(headers.get(f"x-codex-{which}-used-percent", ""))
        minutes = number_in(headers.get(f"x-codex-{which}-window-minutes", ""))
        resets = number_in(headers.get(f"x-codex-{which}-reset-at", ""))
        later = number_in(headers.get(f"x-codex-{which}-reset-after-seconds", ""))
        moment = resets or (now.timestamp() + later if later else 0.0)
        kind = kind_of_minutes(int(minutes)) if minutes and 1 <= minutes < 1e6 else which
        spent = away and used is not None and used >= 100
        found = read_window(kind, moment, now, used_percent=used, exhausted=spent)
        if found is not None:
            yield found


def _of_error(error: Mapping[str, Any], now: datetime) -> Iterator[QuotaWindow | None]:
    """OpenAI's `usage_limit_reached` with its time, and Google's RetryInfo with the quota that it is of."""
    if error.get("type") == "usage_limit_reached":
        later = number_in(error.get("resets_in_seconds"))
        resets = number_in(error.get("resets_at")) or (now.timestamp() + later if later else 0.0)
        yield read_window("usage_limit", resets, now, used_percent=100.0, exhausted=True)
    details = error.get("details")
    parts = [each for each in details if isinstance(each, dict)] if isinstance(details, list) else []
    delay = next((d for each in parts if (d := _retry_delay(each))), 0.0)
    names = [name for each in parts for name in _quota_names(each)]
    if delay > 0 and names:
        daily = any("perday" in name.lower() for name in names)
        yield read_window("day" if daily else "minute", now.timestamp() + math.ceil(delay), now, exhausted=daily)


def _retry_delay(detail: Mapping[str, Any]) -> float:
    if not str(detail.get("@type", "")).endswith("google.rpc.RetryInfo"):
        return 0.0
    found = _SECONDS.fullmatch(str(detail.get("retryDelay", "")))
    return float(found[1]) if found else 0.0


def _quota_names(detail: Mapping[str, Any]) -> Iterator[str]:
    if str(detail.get("@type", "")).endswith("google.rpc.QuotaFailure"):
        violations = detail.get("violations")
        for each in violations if isinstance(violations, list) else ():
            if isinstance(each, dict) and isinstance(each.get("quotaId"), str):
                yield each["quotaId"]


def number_in(said: object) -> float | None:
    """The number that a header or a field is; None where it is none, or no finite one."""
    if isinstance(said, bool) or not isinstance(said, str | int | float):
        return None
    try:
        number = float(said)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) and number >= 0 else None
