"""Is a maker's window read only where it can be one?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.core.quota_window import (
    MAX_AHEAD,
    QuotaWindow,
    kind_of_minutes,
    latest_windows,
    read_window,
    window_length,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_a_window_with_its_time() -> None:
    """Seconds since 1970 become a moment in UTC, whole; a share beyond all of it is all of it."""
    found = read_window("Five hour", NOW.timestamp() + 3600.7, NOW, used_percent=130.0, exhausted=True)
    assert found == QuotaWindow(
        kind="five_hour", resets_at=NOW + timedelta(hours=1), used_percent=100.0, exhausted=True
    )


@pytest.mark.parametrize("resets", [0.0, -5.0, 1e18, float("inf"), float("nan"), 1e308])
def test_what_is_no_time_of_a_window(resets: float) -> None:
    """A time that is past, out of the calendar, or no number is no signal."""
    assert read_window("five_hour", resets, NOW) is None


def test_a_window_that_is_longer_than_any_is_none() -> None:
    """Nobody is kept waiting for a year by a wrong number."""
    assert read_window("x", (NOW + MAX_AHEAD).timestamp(), NOW) is not None
    assert read_window("x", (NOW + MAX_AHEAD).timestamp() + 1, NOW) is None


@pytest.mark.parametrize("kind", ["", "-", "x" * 41, "\n"])
def test_a_kind_is_a_plain_word(kind: str) -> None:
    """It stands in pages and sentences."""
    assert read_window(kind, NOW.timestamp() + 60, NOW) is None


def test_a_share_that_is_none_is_not_known() -> None:
    """The window counts without it."""
    found = read_window("day", NOW.timestamp() + 60, NOW, used_percent=-1.0)
    assert found is not None
    assert found.used_percent is None


@pytest.mark.parametrize(("minutes", "kind"), [(300, "five_hour"), (10080, "seven_day"), (60, "60_minute")])
def test_how_long_windows_last(minutes: int, kind: str) -> None:
    """A window of so many minutes has one name, by which its length is known again."""
    assert kind_of_minutes(minutes) == kind
    assert window_length(kind) == timedelta(minutes=minutes)
    assert window_length("retry_after") is None


def test_of_each_kind_the_last_word_counts() -> None:
    """An account that works again is open again."""
    closed = QuotaWindow(kind="five_hour", resets_at=NOW, exhausted=True)
    opened = QuotaWindow(kind="five_hour", resets_at=NOW, used_percent=3.0)
    week = QuotaWindow(kind="seven_day", resets_at=NOW)
    assert latest_windows([closed, week, opened]) == (opened, week)
