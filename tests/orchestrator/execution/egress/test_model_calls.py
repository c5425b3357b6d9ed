"""Facts about what the calls of a run come to, taken together: first as they are told, then over an open line."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import httpx
import pytest

from orchestrator.execution.egress import model_calls
from orchestrator.execution.egress.model_calls import UNANSWERED, AskedCall, CallResult, ModelCalls
from orchestrator.execution.egress.request import ApiCall
from tests.orchestrator.execution.egress.conftest import Opener
from tests.orchestrator.execution.egress.upstream import KEY, events, whole

OK, FAILED = CallResult(status=200), CallResult(status=500)
CHAT = "/chat/completions"
BODY = {"model": "m", "tools": [{"type": "function"}]}


def begun(calls: ModelCalls, model: str = "m", *, tools: bool | None = True, target: str = CHAT) -> AskedCall:
    """A call that was begun."""
    asked = calls.start(ApiCall(name="openai", method="POST", target=target, counted=True))
    asked.model, asked.tools = model, tools
    return asked


def test_nothing_asked() -> None:
    """Is no answer; nor is a call that was begun and never answered to its end, or an embedding."""
    calls = ModelCalls()
    calls.end(begun(calls, target="/embeddings"), OK)
    assert calls.verdict is None
    begun(calls)
    assert calls.verdict == UNANSWERED
    assert not UNANSWERED.ok


@pytest.mark.parametrize(("tools", "ok"), [(True, True), (False, False)])
def test_a_retry(tools: bool, ok: bool) -> None:
    """Makes a failure good if it is one of the same kind."""
    calls = ModelCalls()
    calls.end(begun(calls), FAILED)
    calls.end(begun(calls, tools=tools), OK)
    verdict = calls.verdict
    assert verdict is not None
    assert verdict.ok is ok


def test_another_model() -> None:
    """Makes nothing good, and a call without tools beside those with some spoils nothing, embeddings neither."""
    calls = ModelCalls()
    calls.end(begun(calls, "large"), OK)
    calls.end(begun(calls, "small", tools=False), FAILED)
    calls.end(begun(calls, "small", target="/embeddings"), FAILED)
    assert calls.verdict == OK
    calls.end(begun(calls, "large"), FAILED)
    calls.end(begun(calls, "other"), OK)
    assert calls.verdict == FAILED


def test_calls_at_the_same_time() -> None:
    """One that was begun before another failed does not make that good, whenever it ends."""
    calls = ModelCalls()
    one, two = begun(calls), begun(calls)
    calls.end(one, FAILED)
    calls.end(two, OK)
    assert calls.verdict == FAILED
    calls.end(begun(calls), OK)
    assert calls.verdict == OK
    calls.end(one, FAILED)
    assert calls.verdict == OK, "only the first word on a call counts"


def test_where_nothing_offers_tools() -> None:
    """All calls count; so does one that failed before it was read."""
    calls = ModelCalls()
    calls.end(begun(calls, tools=False), FAILED)
    assert calls.verdict == FAILED
    calls.end(begun(calls, tools=False), OK)
    assert calls.verdict == OK
    calls.end(begun(calls), OK)
    calls.end(begun(calls, "", tools=None), FAILED)
    assert calls.verdict == FAILED
    calls.end(begun(calls, tools=False), OK)
    assert calls.verdict == OK


def test_models_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Are one from some number on."""
    monkeypatch.setattr(model_calls, "MAX_MODELS", 3)
    calls = ModelCalls()
    for number in range(50):
        calls.end(begun(calls, f"m{number}"), FAILED)
    assert len(vars(calls)["_failed"]) == 4


@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_what_a_body_asks(size: int) -> None:
    """Is read from whatever pieces it comes in: the model may come after the messages. A word in a text is no field."""
    said = rb'{"messages": [{"content": "\"tools\": [1], \"model\": \"no\""}], "x": "%s", "model": "m"%s}'

    def read(more: bytes) -> AskedCall:
        body = said % (b"y" * 3000, more)
        pieces = [body[at : at + size] for at in range(0, len(body), size)]

        async def rest() -> AsyncIterator[bytes]:
            for each in pieces[1:]:
                yield each

        async def passing() -> bytes:
            asked.read(pieces[0])
            return b"".join([each async for each in asked.passing(pieces[0], rest())])

        asked = begun(ModelCalls(), "", tools=None)
        assert asyncio.run(passing()) == body
        return asked

    found = read(b', "tools": [{"type": "x"}]')
    assert (found.model, found.tools) == ("m", True)
    assert read(b', "tools": []').tools is False


ERRORS: list[tuple[dict[str, Any], str]] = [
    (
        {"type": "error", "error": {"type": "overloaded_error", "message": f"Busy, {KEY}"}},
        "overloaded_error: Busy, ***",
    ),
    ({"type": "response.failed", "response": {"error": {"code": "server_error", "message": "Sorry"}}}, "Sorry"),
    ({"type": "error", "code": "server_error", "message": "Sorry"}, "server_error: Sorry"),
    ({"error": {"code": 429, "status": "RESOURCE_EXHAUSTED"}}, "RESOURCE_EXHAUSTED"),
    ({"error": "no more"}, "no more"),
]


@pytest.mark.parametrize(("event", "says"), ERRORS)
@pytest.mark.parametrize("stream", [True, False])
def test_an_error_in_an_answer_that_began_well(event: dict[str, Any], says: str, stream: bool, opened: Opener) -> None:
    """Is a failure, in the API's words without the key; the call after it makes it good."""
    one = opened()
    one.api.answer = lambda handler: events(handler, {"model": "m"}, event) if stream else whole(handler, event)
    one.post("/openai/v1/chat/completions", BODY)
    verdict = one.line.verdict
    assert verdict is not None
    assert not verdict.ok
    assert says in verdict.why
    assert KEY not in verdict.why
    one.api.answer = lambda handler: events(handler, {"model": "m", "error": None, "choices": []}, "[DONE]")
    one.post("/openai/v1/chat/completions", BODY)
    assert one.line.verdict == OK


def test_an_answer_that_breaks_off(opened: Opener) -> None:
    """Was begun with 200, and is a failure all the same."""
    one = opened()

    def cut(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("content-type", "text/event-stream")
        handler.send_header("content-length", "1000")
        handler.end_headers()
        handler.wfile.write(b'data: {"model": "m"}\n\n')
        handler.close_connection = True

    one.api.answer = cut
    with pytest.raises(httpx.HTTPError):
        one.post("/openai/v1/chat/completions", BODY)
    verdict = one.line.verdict
    assert verdict is not None
    assert "its answer broke off" in verdict.why


def test_a_refusal_of_ours_is_a_failure(opened: Opener) -> None:
    """A budget that is reached ends the work, however well the calls before it went."""
    one = opened()
    one.post("/openai/v1/chat/completions", BODY)
    assert one.line.verdict == OK
    one.over = "1 USD is spent"
    one.post("/openai/v1/chat/completions", BODY)
    verdict = one.line.verdict
    assert verdict is not None
    assert (verdict.status, verdict.why) == (403, "budget: 1 USD is spent")
