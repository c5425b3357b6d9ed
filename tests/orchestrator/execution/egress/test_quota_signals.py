"""Which answers of a model's API say that a window is used up, and which only speak of it?"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.core.quota_window import QuotaWindow
from orchestrator.execution.egress.long_waits import LongWaits
from orchestrator.execution.egress.quota_signals import body_windows, header_windows

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=2)
AT = str(int(LATER.timestamp()))
WEEK = str(int((NOW + timedelta(days=3)).timestamp()))
CLAUDE = {
    "anthropic-ratelimit-unified-5h-utilization": "1.0",
    "anthropic-ratelimit-unified-5h-reset": AT,
    "anthropic-ratelimit-unified-7d-utilization": "0.4",
    "anthropic-ratelimit-unified-7d-reset": WEEK,
}
REJECTED = {
    "anthropic-ratelimit-unified-status": "rejected",
    "anthropic-ratelimit-unified-representative-claim": "five_hour",
    "anthropic-ratelimit-unified-reset": AT,
}
CODEX = {
    "x-codex-primary-used-percent": "100",
    "x-codex-primary-window-minutes": "300",
    "x-codex-primary-reset-at": AT,
    "x-codex-secondary-used-percent": "31.5",
    "x-codex-secondary-window-minutes": "10080",
    "x-codex-secondary-reset-after-seconds": "7200",
}
USED_UP = {
    "error": {"type": "usage_limit_reached", "message": "You've hit your usage limit.", "resets_in_seconds": 7200}
}
GOOGLE = "type.googleapis.com/google.rpc."


def google(quota: str, delay: str = "7200s") -> bytes:
    """What Gemini's API answers."""
    details = [
        {"@type": f"{GOOGLE}QuotaFailure", "violations": [{"quotaId": quota}]},
        {"@type": f"{GOOGLE}RetryInfo", "retryDelay": delay},
    ]
    return json.dumps({"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "details": details}}).encode()


def closed(*windows: QuotaWindow) -> list[tuple[str, datetime]]:
    """Those that are used up."""
    return [(each.kind, each.resets_at) for each in windows if each.exhausted]


def test_windows_are_told_with_any_answer_and_used_up_with_none_but_a_refusal() -> None:
    """The same heads tell how far the windows are as long as calls are answered."""
    for heads in (CLAUDE, CODEX):
        told = header_windows(200, heads, NOW)
        assert sorted(each.kind for each in told) == ["five_hour", "seven_day"]
        assert closed(*told) == []
    assert [each.used_percent for each in header_windows(200, CLAUDE, NOW)] == [100.0, 40.0]


@pytest.mark.parametrize("heads", [CLAUDE | REJECTED, CODEX], ids=["claude", "codex"])
def test_a_refusal_says_which_window_and_until_when(heads: dict[str, str]) -> None:
    """Of several windows the one that is used up; the week's goes on."""
    assert closed(*header_windows(429, heads, NOW))[-1:] == [("five_hour", LATER)]
    assert {kind for kind, _ in closed(*header_windows(429, heads, NOW))} == {"five_hour"}


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (json.dumps(USED_UP).encode(), [("usage_limit", LATER)]),
        (google("GenerateRequestsPerDayPerProjectPerModel"), [("day", LATER)]),
        (b"[" + google("GenerateRequestsPerDay") + b"]", [("day", LATER)]),
        (google("GenerateRequestsPerMinute"), []),
        (google("GenerateRequestsPerDay", "soon"), []),
    ],
)
def test_what_a_refusals_fields_say(data: bytes, found: list[tuple[str, datetime]]) -> None:
    """OpenAI's type with its time, Google's quota with its delay: a minute's passes by itself."""
    assert closed(*body_windows(data, NOW)) == found


PROSE = "You've hit your usage limit: limit reached, quota exhausted, try again at 1:34 AM (resets 7200)"


@pytest.mark.parametrize(
    "data",
    [
        PROSE.encode(),
        json.dumps({"error": {"message": PROSE}}).encode(),
        json.dumps({"error": {"type": "rate_limit_error", "message": PROSE}}).encode(),
        json.dumps({"error": {"type": "usage_limit_reached", "message": PROSE}}).encode(),
        json.dumps({"error": {"type": "usage_limit_reached", "resets_at": "1:34 AM"}}).encode(),
        json.dumps({"error": PROSE}).encode(),
        json.dumps({"error": {"details": [PROSE, {"retryDelay": "7200s"}]}}).encode(),
        json.dumps({"content": [{"text": json.dumps(USED_UP)}]}).encode(),
        b"\xff\xfe{",
        b"[" * 5000,
        b"",
    ],
)
def test_prose_is_no_signal(data: bytes) -> None:
    """However plainly it speaks of a limit: without the declared fields and a time nothing is used up."""
    assert body_windows(data, NOW) == ()


@pytest.mark.parametrize(
    "heads",
    [
        {"x-codex-primary-used-percent": "nan", "x-codex-primary-reset-at": AT},
        {"x-codex-primary-used-percent": "100", "x-codex-primary-reset-at": "9" * 40},
        {"x-codex-primary-used-percent": "100", "x-codex-primary-window-minutes": "1e9"},
        {"anthropic-ratelimit-unified-status": "rejected"},
        {"anthropic-ratelimit-unified-status": "rejected", "anthropic-ratelimit-unified-reset": "-1"},
    ],
)
def test_heads_that_cannot_be_read_close_nothing(heads: dict[str, str]) -> None:
    """A number that is none, a time without end or in the past."""
    assert closed(*header_windows(429, heads, NOW)) == []


def test_a_line_remembers_what_is_used_up_until_a_call_is_answered() -> None:
    """A program that was let through after all works with an open account, and how far its windows are stays known."""
    waits = LongWaits(clock=lambda: 0.0)
    waits.answered("anthropic", 429, CLAUDE | REJECTED, NOW)
    assert closed(*waits.windows) == [("five_hour", LATER)]
    waits.answered("anthropic", 200, {}, NOW)
    assert [each.kind for each in waits.windows] == ["seven_day"]


def test_a_wait_that_is_asked_for_is_a_signal_by_itself() -> None:
    """`retry-after` of an hour closes the account for so long; one of some seconds is the program's to sit out, and an
    overloaded server (529) is nobody's quota."""
    for status, seconds, found in ((429, "7200", [("retry_after", LATER)]), (429, "30", []), (529, "7200", [])):
        waits = LongWaits(clock=lambda: 0.0)
        waits.answered("openai", status, {"retry-after": seconds}, NOW)
        assert closed(*waits.windows) == found


def test_a_body_is_looked_at_beside_the_head() -> None:
    """Codex' fields come in the body alone where a proxy took the heads away."""
    waits = LongWaits(clock=lambda: 0.0)
    waits.answered("openai", 429, {}, NOW)
    waits.turned_away(json.dumps(USED_UP).encode(), NOW)
    assert closed(*waits.windows) == [("usage_limit", LATER)]
