"""Which of a program's own words on its account are a signal, and which are only words?"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from orchestrator.adapters.agents.claude import ClaudeOutputParser
from orchestrator.adapters.agents.codex import thread_windows
from orchestrator.core.quota_window import QuotaWindow

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=2)
AT = int(LATER.timestamp())
SAYS = "Claude usage limit reached. You've hit your 5-hour limit · resets 2pm (UTC); rate_limit_event rejected"


def heard(*events: dict[str, Any]) -> tuple[QuotaWindow, ...]:
    """What Claude Code's events come to."""
    parser = ClaudeOutputParser(now=lambda: NOW)
    for each in events:
        parser.take(json.dumps(each))
    return parser.told(None).windows


def limit(**info: Any) -> dict[str, Any]:
    """Its event on limits."""
    return {"type": "rate_limit_event", "rate_limit_info": info}


def window(
    *, hours: float = 2.0, used: float | None = None, exhausted: bool = False, kind: str = "five_hour"
) -> QuotaWindow:
    """As it should be read."""
    return QuotaWindow(kind=kind, resets_at=NOW + timedelta(hours=hours), used_percent=used, exhausted=exhausted)


def test_claude_says_how_far_its_windows_are() -> None:
    """With answers that succeed, too (2.1.332): nothing is closed by that."""
    unified = {
        "five_hour": {"utilization": 0.62, "resetsAt": AT, "status": "allowed_warning"},
        "seven_day": {"utilization": 0.1, "resetsAt": AT + 3600},
    }
    found = heard(limit(status="allowed", resetsAt=AT, rateLimitType="five_hour", unifiedWindows=unified))
    assert found == (window(used=62.0), window(hours=3, used=10.0, kind="seven_day"))


def test_claude_says_that_a_window_is_used_up() -> None:
    """With its kind and its time; the older program (2.1.197) tells no more than these."""
    told = {"status": "rejected", "resetsAt": AT, "rateLimitType": "five_hour"}
    assert heard(limit(**told)) == (window(used=100.0, exhausted=True),)
    assert heard(limit(**told, unifiedWindows={"five_hour": {"utilization": 1, "resetsAt": AT}}))[0].exhausted
    assert heard(limit(**told), limit(status="allowed", resetsAt=AT, rateLimitType="five_hour", utilization=0.01)) == (
        window(used=1.0),
    )


def test_an_overage_that_is_paid_for_stops_nothing() -> None:
    """The window is used up, and work goes on."""
    assert heard(limit(status="rejected", resetsAt=AT, rateLimitType="five_hour", isUsingOverage=True)) == ()


@pytest.mark.parametrize(
    "event",
    [
        {"type": "assistant", "message": {"id": "1", "content": [{"type": "text", "text": SAYS}]}},
        {"type": "assistant", "error": "rate_limit", "message": {"id": "1", "content": []}},
        {"type": "result", "subtype": "success", "result": SAYS},
        {"type": "result", "subtype": "success", "is_error": True, "api_error_status": 429, "result": SAYS},
        {"type": "user", "message": {"content": json.dumps(limit(status="rejected", resetsAt=AT))}},
        limit(status="rejected"),
        limit(status="rejected", resetsAt="2pm"),
        limit(status="rejected", resetsAt=AT - 86_400),
        limit(status=SAYS, resetsAt=AT),
        {"type": "rate_limit_event", "rate_limit_info": SAYS},
        {"type": "rate_limit_event"},
        limit(unifiedWindows=[SAYS]),
        limit(unifiedWindows={"five_hour": SAYS, SAYS: {"resetsAt": AT}}),
    ],
)
def test_words_of_claude_are_no_signal(event: dict[str, Any]) -> None:
    """A model that speaks of a limit, an error in a sentence, an event without its time."""
    assert heard(event) == ()


def rollout(home: Path, *lines: str, session: str = "t-1") -> None:
    """A thread's file as codex keeps it."""
    folder = home / ".codex/sessions/2026/03/01"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"rollout-2026-03-01T12-00-00-{session}.jsonl").write_text("\n".join(lines) + "\n")


def count(primary: object, secondary: object = None) -> str:
    """A record of codex on what was taken."""
    limits = {"primary": primary, "secondary": secondary}
    payload = {"type": "token_count", "info": None, "rate_limits": limits}
    return json.dumps({"type": "event_msg", "payload": payload})


def test_codex_writes_its_windows_down(tmp_path: Path) -> None:
    """In its thread's file, the last record counts; its events tell nothing of them (0.171.0)."""
    five = {"used_percent": 99.0, "window_minutes": 300, "resets_at": AT}
    week = {"used_percent": 12.5, "window_minutes": 10080, "resets_at": AT + 3600}
    rollout(tmp_path, count(five, week), count(five | {"used_percent": 100.0}, week), count(None))
    assert thread_windows(tmp_path, "t-1", NOW) == (
        window(used=100.0, exhausted=True),
        window(hours=3, used=12.5, kind="seven_day"),
    )
    assert thread_windows(tmp_path, "t-2", NOW) == ()


def test_what_else_stands_in_that_file_is_no_signal(tmp_path: Path) -> None:
    """A model's words, records that cannot be read, times that are past."""
    said = {"type": "response_item", "payload": {"content": f"{SAYS} rate_limits"}}
    past = {"used_percent": 100.0, "window_minutes": 300, "resets_at": AT - 86_400}
    rollout(tmp_path, json.dumps(said), "{rate_limits", count(past), count("100%"), count({"used_percent": 100}))
    assert thread_windows(tmp_path, "t-1", NOW) == ()
