"""How times are written."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from orchestrator.core.time_text import format_duration, format_utc


def test_a_time_is_written_to_the_second() -> None:
    """ISO 8601 in UTC, without a fraction."""
    assert format_utc(datetime(2026, 3, 1, 9, 5, 7, 999_999, tzinfo=UTC)) == "2026-03-01T09:05:07Z"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        *[(0, "0 s"), (0.25, "0.2 s"), (9, "9 s"), (9.96, "10.0 s"), (89.4, "89 s")],
        *[(90, "2 min"), (5399, "90 min"), (5400, "1.5 h"), (360_000, "100.0 h")],
    ],
)
def test_a_duration_is_said_as_a_person_would(seconds: float, said: str) -> None:
    """Tenths below ten seconds, then whole seconds, minutes from ninety, hours from ninety minutes."""
    assert format_duration(seconds) == said
