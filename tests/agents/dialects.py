"""How do the model APIs say one turn: Anthropic's, OpenAI's two, Gemini's?"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from tests.agents.standin import Asked, Turn


_numbers = itertools.count(1)


def _new(kind: str) -> str:
    return f"{kind}_standin{next(_numbers)}"


class Dialect(Protocol):
    """One API."""

    def streams(self, asked: Asked) -> bool:
        """Whether the call wants events."""

    def stream(self, asked: Asked, turn: Turn) -> Iterator[bytes]:
        """The turn as server-sent events."""

    def whole(self, asked: Asked, turn: Turn) -> dict[str, Any]:
        """The turn as one answer."""

    def error(self, turn: Turn) -> dict[str, Any]:
        """The body of an error."""


def of(path: str) -> Dialect | None:
    """The API that has this path; None for none."""
    ends = {"/messages": Messages, "/responses": Responses, "/chat/completions": Chat, "GenerateContent": Gemini}
    if path.endswith((":generateContent", ":streamGenerateContent")):
        return Gemini()
    return next((each() for end, each in ends.items() if path.endswith(end)), None)


def _event(data: dict[str, Any], name: str = "") -> bytes:
    return (f"event: {name}\n" if name else "").encode() + b"data: " + json.dumps(data).encode() + b"\n\n"


def _said(turn: Turn) -> str:
    return f"{turn.error or 'error'}: the stand-in was told to answer {turn.status}"


class Messages:
    """POST /v1/messages."""

    def streams(self, asked: Asked) -> bool:
        return bool(asked.body.get("stream"))

    def _usage(self, turn: Turn) -> dict[str, int]:
        cached = {"cache_read_input_tokens": turn.tokens_cached, "cache_creation_input_tokens": 0}
        return {"input_tokens": turn.tokens_in, **cached, "output_tokens": turn.tokens_out}

    def _block(self, turn: Turn) -> dict[str, Any]:
        if turn.tool:
            return {"type": "tool_use", "id": _new("toolu"), "name": turn.tool, "input": dict(turn.arguments)}
        return {"type": "text", "text": turn.text}

    def whole(self, asked: Asked, turn: Turn) -> dict[str, Any]:
        return {
            "id": _new("msg"),
            "type": "message",
            "role": "assistant",
            "model": asked.body.get("model", "stand-in"),
            "content": [self._block(turn)],
            "stop_reason": "tool_use" if turn.tool else "end_turn",
            "stop_sequence": None,
            "usage": self._usage(turn),
        }

    def stream(self, asked: Asked, turn: Turn) -> Iterator[bytes]:
        start = self.whole(asked, turn) | {"content": [], "stop_reason": None}
        yield _event({"type": "message_start", "message": start}, "message_start")
        block = self._block(turn)
        if turn.tool:
            opened, delta = (
                block | {"input": {}},
                {"type": "input_json_delta", "partial_json": json.dumps(block["input"])},
            )
        else:
            opened, delta = block | {"text": ""}, {"type": "text_delta", "text": turn.text}
        name = "content_block_start"
        yield _event({"type": name, "index": 0, "content_block": opened}, name)
        name = "content_block_delta"
        yield _event({"type": name, "index": 0, "delta": delta}, name)
        yield _event({"type": "content_block_stop", "index": 0}, "content_block_stop")
        ended = {"stop_reason": "tool_use" if turn.tool else "end_turn", "stop_sequence": None}
        yield _event({"type": "message_delta", "delta": ended, "usage": self._usage(turn)}, "message_delta")
        yield _event({"type": "message_stop"}, "message_stop")

    def error(self, turn: Turn) -> dict[str, Any]:
        return {"type": "error", "error": {"type": turn.error or "invalid_request_error", "message": _said(turn)}}


class Responses:
    """POST /v1/responses."""

    def streams(self, asked: Asked) -> bool:
        return bool(asked.body.get("stream"))

    def _item(self, turn: Turn) -> dict[str, Any]:
        if turn.tool and turn.free:
            own = {"type": "custom_tool_call", "name": turn.tool, "input": turn.arguments["input"]}
            return {"id": _new("ctc"), "call_id": _new("call"), "status": "completed", **own}
        if turn.tool:
            own = {"type": "function_call", "name": turn.tool, "arguments": json.dumps(turn.arguments)}
            return {"id": _new("fc"), "call_id": _new("call"), "status": "completed", **own}
        text = {"type": "output_text", "text": turn.text, "annotations": []}
        return {"id": _new("msg"), "type": "message", "role": "assistant", "status": "completed", "content": [text]}

    def whole(self, asked: Asked, turn: Turn) -> dict[str, Any]:
        usage = {
            "input_tokens": turn.tokens_in + turn.tokens_cached,
            "input_tokens_details": {"cached_tokens": turn.tokens_cached},
            "output_tokens": turn.tokens_out,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": turn.tokens_in + turn.tokens_cached + turn.tokens_out,
        }
        return {
            "id": _new("resp"),
            "object": "response",
            "created_at": 1700000000,
            "status": "completed",
            "model": asked.body.get("model", "stand-in"),
            "output": [self._item(turn)],
            "usage": usage,
        }

    def stream(self, asked: Asked, turn: Turn) -> Iterator[bytes]:
        whole = self.whole(asked, turn)
        item = whole["output"][0]
        begun = whole | {"status": "in_progress", "output": [], "usage": None}
        yield self._say("response.created", response=begun)
        empty = {"content": []} if item["type"] == "message" else {}
        yield self._say("response.output_item.added", output_index=0, item=item | {"status": "in_progress"} | empty)
        where = {"item_id": item["id"], "output_index": 0}
        if item["type"] == "message":
            part = {"type": "output_text", "text": "", "annotations": []}
            yield self._say("response.content_part.added", **where, content_index=0, part=part)
            yield self._say("response.output_text.delta", **where, content_index=0, delta=turn.text)
            yield self._say("response.output_text.done", **where, content_index=0, text=turn.text)
        elif item["type"] == "function_call":
            yield self._say("response.function_call_arguments.delta", **where, delta=item["arguments"])
            yield self._say("response.function_call_arguments.done", **where, arguments=item["arguments"])
        yield self._say("response.output_item.done", output_index=0, item=item)
        yield self._say("response.completed", response=whole)

    def _say(self, kind: str, **data: Any) -> bytes:
        return _event({"type": kind, "sequence_number": 0, **data}, kind)

    def error(self, turn: Turn) -> dict[str, Any]:
        return {"error": {"message": _said(turn), "type": turn.error or "invalid_request_error", "code": turn.error}}


class Chat:
    """POST /v1/chat/completions."""

    def streams(self, asked: Asked) -> bool:
        return bool(asked.body.get("stream"))

    def _usage(self, turn: Turn) -> dict[str, Any]:
        sent = turn.tokens_in + turn.tokens_cached
        return {
            "prompt_tokens": sent,
            "completion_tokens": turn.tokens_out,
            "total_tokens": sent + turn.tokens_out,
            "prompt_tokens_details": {"cached_tokens": turn.tokens_cached},
        }

    def _message(self, turn: Turn) -> dict[str, Any]:
        if not turn.tool:
            return {"role": "assistant", "content": turn.text}
        function = {"name": turn.tool, "arguments": json.dumps(turn.arguments)}
        return {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"index": 0, "id": _new("call"), "type": "function", "function": function}],
        }

    def _head(self, asked: Asked, kind: str) -> dict[str, Any]:
        model = asked.body.get("model", "stand-in")
        return {"id": _new("chatcmpl"), "object": kind, "created": 1700000000, "model": model}

    def whole(self, asked: Asked, turn: Turn) -> dict[str, Any]:
        why = "tool_calls" if turn.tool else "stop"
        choice = {"index": 0, "message": self._message(turn), "finish_reason": why}
        return self._head(asked, "chat.completion") | {"choices": [choice], "usage": self._usage(turn)}

    def stream(self, asked: Asked, turn: Turn) -> Iterator[bytes]:
        head = self._head(asked, "chat.completion.chunk")
        yield _event(head | {"choices": [{"index": 0, "delta": self._message(turn), "finish_reason": None}]})
        why = "tool_calls" if turn.tool else "stop"
        yield _event(head | {"choices": [{"index": 0, "delta": {}, "finish_reason": why}]})
        yield _event(head | {"choices": [], "usage": self._usage(turn)})
        yield b"data: [DONE]\n\n"

    def error(self, turn: Turn) -> dict[str, Any]:
        return Responses().error(turn)


class Gemini:
    """POST /v1beta/models/NAME:generateContent and :streamGenerateContent."""

    def streams(self, asked: Asked) -> bool:
        return ":streamGenerateContent" in asked.path

    def whole(self, asked: Asked, turn: Turn) -> dict[str, Any]:
        part: dict[str, Any] = {"text": turn.text}
        if turn.tool:
            part = {"functionCall": {"name": turn.tool, "args": dict(turn.arguments)}}
        sent = turn.tokens_in + turn.tokens_cached
        usage = {
            "promptTokenCount": sent,
            "candidatesTokenCount": turn.tokens_out,
            "cachedContentTokenCount": turn.tokens_cached,
            "totalTokenCount": sent + turn.tokens_out,
        }
        candidate = {"content": {"role": "model", "parts": [part]}, "finishReason": "STOP", "index": 0}
        return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "stand-in"}

    def stream(self, asked: Asked, turn: Turn) -> Iterator[bytes]:
        yield _event(self.whole(asked, turn))

    def error(self, turn: Turn) -> dict[str, Any]:
        error: dict[str, Any] = {
            "code": turn.status,
            "message": _said(turn),
            "status": turn.error or "INVALID_ARGUMENT",
        }
        if turn.status == 429:  # what tells a day's quota from a moment's rate
            violation = {"quotaId": "GenerateRequestsPerDayPerProjectPerModel", "quotaMetric": "requests"}
            kind = "type.googleapis.com/google.rpc.QuotaFailure"
            error["details"] = [{"@type": kind, "violations": [violation]}]
        return {"error": error}
