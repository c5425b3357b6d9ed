"""What usage does a call to a model's API have, by the API's own answer?

Reads the answers of Anthropic's Messages, OpenAI's Chat Completions and Responses and Gemini, whole or as events,
while they pass. An answer that breaks off or says nothing is estimated, so that hanging up early is no way round a
budget.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from missions.plain_data import read_json
from orchestrator.core import pricing
from orchestrator.core.ports.model import Usage

MAX_BUFFER_BYTES = 32 * 1024 * 1024
"""Bytes of one answer (of one event, if it comes as events) that are read; of a longer one nothing is known."""
BYTES_PER_TOKEN = 4
MAX_TOKENS = 10**12
"""The largest count that is believed."""


class UsageCounter:
    """Counts one answer, which comes as `events` or whole. `asked` is how many bytes the question had."""

    def __init__(self, *, events: bool) -> None:
        self.events, self.asked = events, 0
        self._model = ""
        self._held = bytearray()
        self._raw: dict[str, Any] = {}
        self._final = False
        self._text = 0
        self.error = ""
        """What the answer itself says of an error, in the API's words; "" where it tells of none."""
        self.complete = False
        """Whether its last event was seen, where it comes as events."""

    def feed(self, data: bytes) -> None:
        """Takes the next bytes of the answer."""
        if len(self._held) + len(data) <= MAX_BUFFER_BYTES or (self.events and b"\n" in data):
            self._held += data
        if not self.events or b"\n" not in data:
            return  # what is held is looked through once for each line, not for each byte
        *lines, rest = self._held.split(b"\n")
        self._held = bytearray(rest)
        for line in lines:
            if line.startswith(b"data:"):
                self._take(bytes(line[5:]))

    def usage(self) -> Usage:
        """What it took, as far as it came."""
        if self._held:
            self._take(bytes(self._held).removeprefix(b"data:"))
            self._held.clear()
        raw = self._raw
        usage = replace(_parse_usage(raw), model=self._model)
        if not self._final:
            read = usage.tokens_in or -(-self.asked // BYTES_PER_TOKEN)
            written = max(usage.tokens_out, -(-self._text // BYTES_PER_TOKEN))
            usage = replace(usage, tokens_in=read, tokens_out=written)
        hour = _number(raw.get("cache_creation"), "ephemeral_1h_input_tokens")
        priced = pricing.call_cost(usage, hour=hour)
        return replace(usage, cost_usd=_reported_cost(raw.get("cost")) if priced is None else priced)

    def _take(self, data: bytes) -> None:
        self.complete |= data.strip() == b"[DONE]"
        try:
            said = read_json(data)
        except ValueError:
            return  # `[DONE]`, or no JSON that can be read: nothing is counted in it
        for each in said if isinstance(said, list) else [said]:
            if isinstance(each, dict):
                self._event(each)

    def _event(self, event: dict[str, Any]) -> None:
        inner = next((event[name] for name in ("message", "response") if isinstance(event.get(name), dict)), event)
        model = inner.get("model") or inner.get("modelVersion")
        if isinstance(model, str):
            self._model = model
        self.error = self.error or _told_error(event, inner)
        self.complete |= _ends(event)
        self._text += sum(len(each) for each in _generated_texts(event))
        for usage in (inner.get("usage"), inner.get("usageMetadata"), event.get("usage")):
            if isinstance(usage, dict):
                self._raw.update({name: value for name, value in usage.items() if value is not None})
                self._final = event.get("type") != "message_start"


_LAST_EVENTS = frozenset({"message_stop", "response.completed", "response.incomplete"})


def _kind(event: Mapping[str, Any]) -> str:
    found = event.get("type")
    return found if isinstance(found, str) else ""


def _ends(event: Mapping[str, Any]) -> bool:
    """Whether nothing that matters comes after this event."""
    found = [event.get(name) for name in ("choices", "candidates")]
    ended = [each for some in found if isinstance(some, list) for each in some if isinstance(each, dict)]
    return _kind(event) in _LAST_EVENTS or any(each.get("finish_reason") or each.get("finishReason") for each in ended)


def _told_error(event: Mapping[str, Any], inner: Mapping[str, Any]) -> str:
    """What an answer that began well says went wrong: an event of Anthropic's or of OpenAI's Responses, or an object in
    place of what was asked for."""
    found = next((each["error"] for each in (event, inner) if each.get("error")), None)
    if found is None and _kind(event) not in {"error", "response.failed"}:
        return ""
    if isinstance(found, str):
        return found
    told = found if isinstance(found, dict) else event
    words = [told.get(name) for name in ("type", "code", "status", "message")]
    said = dict.fromkeys(each for each in words if isinstance(each, str) and each)
    return ": ".join(said) or "an error without a word"


def is_event_stream(content_type: str) -> bool:
    """Whether an answer comes as server-sent events."""
    return re.match(r"(?i)\s*text/event-stream\b", content_type) is not None


def _generated_texts(event: Mapping[str, Any]) -> Iterator[str]:
    """Everything that a model wrote, in one event or answer, whichever API it is of."""
    waiting: list[Any] = [
        event.get(name) for name in ("delta", "choices", "content", "content_block", "candidates", "output")
    ]
    while waiting:
        each = waiting.pop()
        if isinstance(each, str):
            yield each
        elif isinstance(each, list):
            waiting.extend(each)
        elif isinstance(each, dict):
            waiting.extend(value for name, value in each.items() if name in _TEXT_FIELDS)


_TEXT_FIELDS = frozenset(
    {"delta", "message", "content", "text", "thinking", "partial_json", "reasoning_content", "reasoning", "parts"}
    | {"tool_calls", "function", "arguments", "functionCall", "args", "refusal"}
)


def _parse_usage(raw: Mapping[str, Any]) -> Usage:
    """The tokens of an API's own count: what was read includes what came from a cache or went to one."""
    if "promptTokenCount" in raw or "totalTokenCount" in raw:
        return Usage(
            tokens_in=_number(raw, "promptTokenCount") + _number(raw, "toolUsePromptTokenCount"),
            tokens_out=_number(raw, "candidatesTokenCount") + _number(raw, "thoughtsTokenCount"),
            tokens_cached=_number(raw, "cachedContentTokenCount"),
        )
    if "prompt_tokens" in raw:
        return Usage(
            tokens_in=_number(raw, "prompt_tokens"),
            tokens_out=_number(raw, "completion_tokens"),
            tokens_cached=_number(raw.get("prompt_tokens_details"), "cached_tokens"),
        )
    cached = _number(raw, "cache_read_input_tokens") + _number(raw.get("input_tokens_details"), "cached_tokens")
    written = _number(raw, "cache_creation_input_tokens")
    beside = 0 if "input_tokens_details" in raw else cached + written  # Anthropic counts the cache apart
    return Usage(
        tokens_in=_number(raw, "input_tokens") + beside,
        tokens_out=_number(raw, "output_tokens"),
        tokens_cached=cached,
        tokens_written=written,
    )


def _reported_cost(cost: object) -> float | None:
    """USD as some routers tell them."""
    known = isinstance(cost, int | float) and not isinstance(cost, bool) and 0 <= cost < 1e6
    return float(cost) if known else None  # type: ignore[arg-type]


def _number(raw: object, name: str) -> int:
    value = raw.get(name) if isinstance(raw, Mapping) else None
    return min(value, MAX_TOKENS) if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
