"""Facts about counting what a call took, from answers as the APIs document them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.core import pricing
from orchestrator.core.ports.model import Usage
from orchestrator.execution.egress.usage_counter import UsageCounter, is_event_stream

ANTHROPIC = [
    {
        "type": "message_start",
        "message": {
            "model": "claude-sonnet-4-5",
            "usage": {
                "input_tokens": 100,
                "cache_read_input_tokens": 5000,
                "cache_creation_input_tokens": 300,
                "output_tokens": 1,
            },
        },
    },
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "x" * 400}},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 250}},
    {"type": "message_stop"},
]
CHAT = [
    {"model": "gpt-5", "choices": [{"delta": {"content": "y" * 40}}], "usage": None},
    {"model": "gpt-5", "choices": [{"delta": {"tool_calls": [{"function": {"arguments": "z" * 40}}]}}]},
    {
        "model": "gpt-5",
        "choices": [],
        "usage": {"prompt_tokens": 900, "completion_tokens": 80, "prompt_tokens_details": {"cached_tokens": 600}},
    },
    "[DONE]",
]
RESPONSES = [
    {"type": "response.created", "response": {"model": "gpt-5-codex", "usage": None}},
    {"type": "response.output_text.delta", "delta": "w" * 40},
    {
        "type": "response.completed",
        "response": {
            "model": "gpt-5-codex",
            "usage": {"input_tokens": 900, "input_tokens_details": {"cached_tokens": 600}, "output_tokens": 80},
        },
    },
]
GEMINI = [
    {
        "modelVersion": "gemini-2.5-pro",
        "candidates": [{"content": {"parts": [{"text": "v" * 40}]}}],
        "usageMetadata": {"promptTokenCount": 900, "candidatesTokenCount": 5, "totalTokenCount": 905},
    },
    {
        "modelVersion": "gemini-2.5-pro",
        "candidates": [{"content": {"parts": []}, "finishReason": "STOP"}],
        "usageMetadata": {
            "promptTokenCount": 900,
            "candidatesTokenCount": 60,
            "thoughtsTokenCount": 20,
            "cachedContentTokenCount": 600,
            "totalTokenCount": 980,
        },
    },
]
BILLED = {
    "anthropic": (
        ANTHROPIC,
        Usage(model="claude-sonnet-4-5", tokens_in=5400, tokens_cached=5000, tokens_written=300, tokens_out=250),
    ),
    "chat": (CHAT, Usage(model="gpt-5", tokens_in=900, tokens_cached=600, tokens_out=80)),
    "responses": (RESPONSES, Usage(model="gpt-5-codex", tokens_in=900, tokens_cached=600, tokens_out=80)),
    "gemini": (GEMINI, Usage(model="gemini-2.5-pro", tokens_in=900, tokens_cached=600, tokens_out=80)),
}


def sse(said: list[Any], newline: str = "\n") -> bytes:
    """Events as they travel."""
    data = (each if isinstance(each, str) else json.dumps(each) for each in said)
    return "".join(f"event: x{newline}data: {each}{newline}{newline}" for each in data).encode()


def counted(data: bytes, *, events: bool, step: int = 0, asked: int = 0) -> Usage:
    """What is counted when it comes in pieces of `step` bytes."""
    tally = UsageCounter(events=events)
    tally.asked = asked
    for at in range(0, len(data), step or len(data) or 1):
        tally.feed(data[at : at + (step or len(data))])
    return tally.usage()


def unpriced(usage: Usage) -> dict[str, Any]:
    """A usage without its cost."""
    return {name: value for name, value in vars(usage).items() if name != "cost_usd"}


@pytest.mark.parametrize("name", BILLED)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_events(name: str, newline: str) -> None:
    """Events are counted by their last word, whatever pieces they come in, and priced."""
    said, expected = BILLED[name]
    for step in (0, 1, 7, 1000):
        usage = counted(sse(said, newline), events=True, step=step)
        assert unpriced(usage) == unpriced(expected)
        assert usage.cost_usd == pricing.call_cost(expected)
        assert usage.cost_usd


WHOLE = {
    "anthropic": {
        "type": "message",
        "model": "claude-sonnet-4-5",
        "content": [{"type": "text", "text": "t" * 99}],
        "usage": {
            "input_tokens": 100,
            "cache_read_input_tokens": 5000,
            "cache_creation_input_tokens": 300,
            "output_tokens": 250,
        },
    },
    "chat": {"model": "gpt-5", "choices": [{"message": {"content": "t"}}], "usage": CHAT[2]["usage"]},  # type: ignore[index]
    "responses": {"object": "response", **RESPONSES[2]["response"]},  # type: ignore[dict-item]
    "gemini": GEMINI[1],
}


@pytest.mark.parametrize("name", WHOLE)
def test_whole(name: str) -> None:
    """So are answers in one piece."""
    assert unpriced(counted(json.dumps(WHOLE[name]).encode(), events=False, step=13)) == unpriced(BILLED[name][1])


def test_a_list_of_answers() -> None:
    """Gemini streams a JSON list to those who do not ask for events."""
    assert unpriced(counted(json.dumps(GEMINI).encode(), events=False)) == unpriced(BILLED["gemini"][1])


def test_kept_for_an_hour() -> None:
    """What goes into a cache for an hour costs more than for five minutes, and is priced so."""
    usage = {"input_tokens": 0, "cache_creation_input_tokens": 1_000_000, "output_tokens": 0}
    split = {**usage, "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 1_000_000}}
    short, long = (
        counted(json.dumps({"model": "claude-haiku-4-5", "usage": each}).encode(), events=False)
        for each in (usage, split)
    )
    assert (short.cost_usd, long.cost_usd) == (pytest.approx(1.25), pytest.approx(2.0))


def test_a_long_prompt() -> None:
    """A call whose prompt is long is asked more for each of its tokens, as its API does."""
    counts = {"promptTokenCount": 300_000, "candidatesTokenCount": 1000}
    said = {"modelVersion": "gemini-2.5-pro", "usageMetadata": counts}
    usage = counted(json.dumps(said).encode(), events=False)
    assert usage.cost_usd == pytest.approx(300_000 * 2.5e-6 + 1000 * 15e-6)


def test_a_routers_price() -> None:
    """The price that a router tells is taken where the table has none, if it can be one."""
    told = {"model": "nobody/knows", "usage": {"prompt_tokens": 1, "completion_tokens": 1, "cost": 0.25}}
    assert counted(json.dumps(told).encode(), events=False).cost_usd == 0.25
    for wrong in (-1, float("nan"), float("inf"), "1", True, 1e9):
        told["usage"]["cost"] = wrong  # type: ignore[index]
        assert counted(json.dumps(told).encode(), events=False).cost_usd is None


@pytest.mark.parametrize(("name", "out"), [("anthropic", 100), ("chat", 20), ("responses", 10)])
def test_cut_off(name: str, out: int) -> None:
    """An answer that breaks off before its count is estimated from what came, so hanging up early is not free."""
    said = BILLED[name][0][:3] if name == "anthropic" else BILLED[name][0][:2]
    usage = counted(sse(said), events=True, asked=4000)
    assert usage.tokens_out == out
    assert usage.tokens_in == (5400 if name == "anthropic" else 1000)


def test_nothing_said() -> None:
    """An answer that says nothing of what it took, or is no JSON, is taken to have read its question."""
    for data in (b"{}", b"<html>", b"", b"[1, 2]", b'{"usage": 3}', b'{"usage": {"input_tokens": -5}}'):
        assert counted(data, events=False, asked=4001).tokens_in in {1001, 0}
    assert counted(b"<html>", events=False, asked=4001).tokens_in == 1001


def test_what_are_events() -> None:
    """Events are known by their type."""
    assert is_event_stream("text/event-stream; charset=utf-8")
    assert is_event_stream("Text/Event-Stream")
    assert not is_event_stream("application/json")
    assert not is_event_stream("")


NAMES = (
    *("usage", "message", "response", "usageMetadata", "input_tokens", "output_tokens", "promptTokenCount", "delta"),
    *("prompt_tokens", "model", "choices", "type", "cost", "cache_creation", "input_tokens_details"),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=12,
)


@given(st.lists(JSON, max_size=4), st.booleans())
def test_any_answer(said: list[Any], events: bool) -> None:
    """No answer breaks the count, or makes it less than nothing."""
    data = sse(said) if events else json.dumps(said).encode()
    usage = counted(data, events=events, asked=10)
    assert min(usage.tokens_in, usage.tokens_out, usage.tokens_cached, usage.tokens_written) >= 0
    assert usage.cost_usd is None or usage.cost_usd >= 0


@given(st.binary(max_size=200), st.booleans())
def test_any_bytes(data: bytes, events: bool) -> None:
    """Nor do any bytes."""
    assert counted(data, events=events, step=3).tokens_in >= 0
