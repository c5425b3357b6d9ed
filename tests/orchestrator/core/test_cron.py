"""Are lines of cron read as cron reads them?"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from orchestrator.core import cron
from orchestrator.core.errors import BrokenLedger
from orchestrator.ledger.config import fleet_toml

NOW = datetime(2026, 11, 21, 12, 0, 30, tzinfo=UTC)  # a Saturday


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
        ("30 23 29 2 *", "2024-02-29T23:30"),
    ],
)
def test_the_last_time_is_the_one_that_cron_means(line: str, last: str) -> None:
    """Week days count from Sunday, and 7 is Sunday, too."""
    found = cron.last_due(cron.trigger(line, "UTC"), NOW)
    assert found is not None
    assert f"{found:%Y-%m-%dT%H:%M}" == last


@pytest.mark.parametrize(
    "lines",
    ['cron = "0 3 * *"', 'cron = "99 3 * * *"', 'cron = "0 3 * * 5-1"', 'cron = "0 3 * * *"\ntimezone = "Mars/Base"'],
)
def test_a_wrong_line_is_one_clear_error(lines: str) -> None:
    """fleet.toml with a line that cannot be meant is refused, naming the table."""
    with pytest.raises(BrokenLedger, match=r"fleet\.toml, line \d: review"):
        fleet_toml.read(f"[review]\n{lines}\n".encode())


def test_a_zone_is_kept_over_the_change_of_clocks() -> None:
    """Three in the morning in Berlin is 01:00 UTC in summer and 02:00 UTC in winter."""
    times = cron.trigger("0 3 * * *", "Europe/Berlin")
    summer = cron.last_due(times, datetime(2026, 7, 1, 12, tzinfo=UTC))
    winter = cron.last_due(times, datetime(2026, 12, 1, 12, tzinfo=UTC))
    assert summer is not None
    assert winter is not None
    assert (summer.astimezone(UTC).hour, winter.astimezone(UTC).hour) == (1, 2)
