"""Facts about answers that ask a run to come back much later."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from orchestrator.execution.egress.long_waits import GRACE_SECONDS, PATIENCE_SECONDS, LongWaits, asked_wait

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (429, {"retry-after": "3600"}, 3600),
        (402, {"retry-after": "90.5"}, 90.5),
        (529, {"retry-after-ms": "120000"}, 120),
        (429, {"retry-after-ms": "0", "retry-after": "70"}, 70),
        (503, {"retry-after": "Sun, 01 Mar 2026 13:00:00 GMT"}, 3600),
        (429, {"retry-after": "Sun, 01 Mar 2026 13:00:00"}, 3600),
        (429, {"retry-after": "Sun, 01 Mar 2026 11:00:00 GMT"}, 0),
        (429, {"retry-after": "-5"}, 0),
        (429, {"retry-after": "inf"}, 0),
        (429, {"retry-after": "nan"}, 0),
        (429, {"retry-after": "soon"}, 0),
        (429, {"retry-after": "1" * 400}, 0),
        (429, {"retry-after": "Sun, 01 Mar 99999 13:00:00 GMT"}, 0),
        (429, {}, 0),
        (200, {"retry-after": "3600"}, 0),
        (401, {"retry-after": "3600"}, 0),
    ],
)
def test_what_is_asked_for(status: int, headers: Mapping[str, str], seconds: float) -> None:
    """Seconds, milliseconds and dates are read, of answers that refuse for now; anything else asks for nothing."""
    assert asked_wait(status, headers, NOW) == seconds


def _refused(now: list[float], seconds: str = "3600", status: int = 429) -> LongWaits:
    waits = LongWaits(clock=lambda: now[0])
    waits.answered("openai", status, {"retry-after": seconds}, NOW)
    return waits


def test_a_run_that_is_told_to_wait_for_an_hour_is_blocked() -> None:
    """It is once its program had a moment to say so itself, and in words that name the API and the time."""
    now = [0.0]
    waits = _refused(now)
    assert waits.reason() == ""
    now[0] = GRACE_SECONDS
    assert waits.reason() == "quota: openai answers 429 Too Many Requests and asks to come back in 60 min"


@pytest.mark.parametrize(
    ("seconds", "status", "words"),
    [("61", 529, "answers 529 and asks to come back in 2 min"), ("86400", 503, "asks to come back in 24 h")],
)
def test_how_long(seconds: str, status: int, words: str) -> None:
    """Minutes, then hours; a status without a name is its number."""
    now = [0.0]
    waits = _refused(now, seconds, status)
    now[0] = 60.0
    assert words in waits.reason()


def test_a_short_wait_is_the_programs() -> None:
    """Up to a minute the program waits itself."""
    now = [0.0]
    waits = _refused(now, str(PATIENCE_SECONDS))
    now[0] = 1000.0
    assert waits.reason() == ""


def test_an_answer_reopens_what_it_speaks_of() -> None:
    """Another model's window stays closed; an answer that speaks of no window reopens all, as nothing else will."""
    waits = LongWaits(clock=lambda: 0.0)

    def head(kind: str, status: str) -> dict[str, str]:
        end = str(int(NOW.timestamp()) + 7200)
        said = {"status": status, "reset": end, "representative-claim": kind, "5h-utilization": "1.0", "5h-reset": end}
        return {f"anthropic-ratelimit-unified-{key}": value for key, value in said.items()}

    def closed() -> set[str]:
        return {each.kind for each in waits.windows if each.exhausted}

    for kind in ("seven_day_opus", "five_hour"):
        waits.answered("anthropic", 429, head(kind, "rejected"), NOW)
    assert closed() == {"five_hour", "seven_day_opus"}
    waits.answered("anthropic", 200, head("five_hour", "allowed"), NOW)
    assert closed() == {"seven_day_opus"}
    waits.answered("anthropic", 200, {}, NOW)
    assert closed() == set()


def test_what_goes_better_since_takes_it_back() -> None:
    """A later answer, or a call that is still under way, says that the run is not blocked; another error does not."""
    now = [0.0]
    waits = _refused(now)
    now[0] = 60.0
    with waits.call():
        assert waits.reason() == ""
    assert waits.reason()
    waits.answered("openai", 500, {}, NOW)
    assert waits.reason()
    waits.answered("openai", 200, {}, NOW)
    assert waits.reason() == ""
