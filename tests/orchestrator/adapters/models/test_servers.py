"""Facts about models on servers, beside what every model promises."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from orchestrator.adapters.models import server_probe
from orchestrator.adapters.models.answer import server_error
from orchestrator.adapters.models.ollama import OllamaServer
from orchestrator.adapters.models.openai import OpenAIServer
from orchestrator.core.errors import ContextTooLong, ModelUnavailable, OrchestratorError, WrongPrompt
from orchestrator.core.ports.model import Model, Prompt, PromptMessage
from orchestrator.core.ports.model_backend import HOPS_HEADER, ListedModel
from tests.llama_server import Llama
from tests.loopback import LoopbackServer
from tests.ollama_shim import Shim, ollama_shim
from tests.waiting import PATIENCE, until

KEY = "sk-very-secret-0123456789"
LISTING = (200, b'{"data": [{"id": "m", "context_length": 100}]}')
"""What a server says of its models where nothing else is said."""
HELLO = Prompt(messages=(PromptMessage(role="user", content="Say hello."),), max_tokens=4)


def ask(model: Model, prompt: Prompt = HELLO) -> str:
    """An answer's text."""
    return model.generate(prompt, on_text=lambda _: None, stop=threading.Event()).text


@contextmanager
def server(
    status: int, body: bytes, headers: Mapping[str, str] | None = None, *, listing: tuple[int, bytes] = LISTING
) -> Iterator[tuple[str, list[Any]]]:
    """Answers everything in one way; tells what it was asked."""
    seen: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append((self.path, dict(self.headers)))
            self._say(*listing) if status != 302 else self._say(status, body)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            seen.append((self.path, dict(self.headers)))
            self._say(status, body)

        def _say(self, status: int, body: bytes) -> None:
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    made = LoopbackServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=made.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{made.server_port}/v1", seen
    finally:
        made.shutdown()
        made.server_close()


ERRORS: list[tuple[int, Any, type[OrchestratorError], str]] = [
    (400, {"error": {"message": "This model's maximum context length is 8192 tokens. However, your messages resulted "
        "in 9001 tokens.", "code": "context_length_exceeded"}}, ContextTooLong, "9001 tokens, the model holds 8192"),
    (400, {"error": {"message": "This model's maximum context length is 4096 tokens. However, you requested 5100 "
        "tokens (5000 in the messages, 100 in the completion)."}}, ContextTooLong, "5100 tokens, the model holds 4096"),
    (400, {"error": {"message": "request (31 tokens) exceeds", "type": "exceed_context_size_error",
        "n_prompt_tokens": 31, "n_ctx": 20}}, ContextTooLong, "31 tokens, the model holds 20"),
    (400, {"title": "The prompt is too long", "status": 400, "detail": "the prompt is over the context window",
        "tokens": 77, "roof": 66}, ContextTooLong, "77 tokens, the model holds 66"),
    (400, {"error": "the prompt is longer than the context length currently available to the model"}, ContextTooLong,
        "12 tokens, the model holds 10"),
    (422, {"error": {"message": "unknown field: seed"}}, WrongPrompt, "unknown field"),
    (401, {"error": {"message": "Invalid API Key"}}, ModelUnavailable, "key"),
    (429, {"error": {"message": "slow down"}}, ModelUnavailable, "429.*slow down"),
    (500, "<html>boom</html>", ModelUnavailable, "500.*boom"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "kind", "words"), ERRORS)
def test_refusals(status: int, body: Any, kind: type[OrchestratorError], words: str) -> None:
    """Servers' many ways to refuse are three kinds here, and numbers that they say are kept."""
    error = server_error(status, body, asked=12, roof=10)
    assert type(error) is kind
    with pytest.raises(kind, match=words):
        raise error
    text = body if isinstance(body, str) else json.dumps(body)
    with server(status, text.encode()) as (url, _), pytest.raises(kind):
        ask(OpenAIServer(url=url).open(""))


ODD_LISTINGS = [
    (404, b'{"error": "not found"}'),
    (502, b"<html>Bad Gateway</html>"),
    (200, b"<html>hello</html>"),
    (200, b"[]"),
    (200, b"[" * 100_000),
    (200, b'{"models": 7, "data": 7}'),
    (200, b'{"models": [7], "data": [7]}'),
    (200, b'{"models": [{"model": "m", "size": "big"}]}'),
    (200, b'{"data": [{"id": "m", "meta": {"n_ctx": "many", "size": [1], "n_params": "few"}}]}'),
    (200, b'{"data": [{"id": "m", "context_length": -1, "meta": {"n_ctx": true, "size": -3, "n_params": 1e400}}]}'),
]


@pytest.mark.parametrize("listing", ODD_LISTINGS)
def test_odd_listings(listing: tuple[int, bytes]) -> None:
    """Whatever a server answers when it is asked for its models is a list of them, or why there is none."""
    with server(200, b"", listing=listing) as (url, _):
        for backend in (OllamaServer(host=url.removesuffix("/v1")), OpenAIServer(url=url)):
            found, why = listed_or_why(backend)
            assert found or "127.0.0.1" in why  # where
            assert all(type(each.context_tokens) is int and each.context_tokens > 0 for each in found)
            assert all(type(each.size) is int and each.size >= 0 for each in found)


def listed_or_why(backend: OllamaServer | OpenAIServer) -> tuple[tuple[ListedModel, ...], str]:
    """What a server offers, or why that is nothing."""
    try:
        return backend.models(), f"{backend} lists none"
    except ModelUnavailable as error:
        return (), str(error)


ODD_EVENTS = [
    b'{"usage": 7}',
    b'{"usage": {"prompt_tokens": "many"}}',
    b'{"usage": {"prompt_tokens_details": 7}, "timings": 7}',
    b'{"choices": 7}',
    b'{"choices": [7]}',
    b'{"choices": [{"delta": 7}]}',
    b'{"error": {"code": 400, "n_prompt_tokens": "many", "n_ctx": [], "type": "exceed_context_size_error"}}',
]


@pytest.mark.parametrize("event", ODD_EVENTS)
def test_odd_events(event: bytes) -> None:
    """What is none of the protocol in an event is passed over, or refused in words of ours."""
    with server(200, b"data: " + event + b"\n\ndata: [DONE]\n\n") as (url, _):
        try:
            assert ask(OpenAIServer(url=url).open("")) == ""
        except ContextTooLong:
            assert b"error" in event


ODD_LINES = [b"<html>\n", b"[]\n", b'{"message": 7}\n', b'{"message": {"content": 7}}\n', b"[" * 100_000]


@pytest.mark.parametrize("line", ODD_LINES)
def test_odd_lines_of_an_ollama(line: bytes) -> None:
    """So is a line of Ollama's that is none of its own."""
    with server(200, line) as (url, _), pytest.raises(ModelUnavailable):
        ask(OllamaServer(host=url.removesuffix("/v1")).open("m"))


def test_half_an_answer_is_none() -> None:
    """A stream that ends without its end is an error: a server that was killed closes the connection just the same."""
    said = b'data: {"choices": [{"index": 0, "delta": {"content": "It is"}, "finish_reason": null}]}\n\n'
    with server(200, said) as (url, _), pytest.raises(ModelUnavailable, match="broke off"):
        ask(OpenAIServer(url=url).open(""))
    for end in (b"data: [DONE]\n\n", b'data: {"choices": [{"delta": {}, "finish_reason": "stop"}]}\n\n'):
        with server(200, said + end) as (url, _):
            assert ask(OpenAIServer(url=url).open("")) == "It is"


def test_key_is_sent_to_its_server_only(caplog: pytest.LogCaptureFixture) -> None:
    """The key goes to the server that it is set for, never along a redirect, into a log, an error or a repr."""
    caplog.set_level(logging.DEBUG)
    with server(200, b"data: [DONE]\n\n") as (url, seen):
        ask(OpenAIServer(url=url, key=KEY).open(""))
        assert seen[-1][1]["Authorization"] == f"Bearer {KEY}"
        with server(302, b"", {"Location": f"{url}/stolen"}) as (other, _):
            before = len(seen)
            with pytest.raises(ModelUnavailable) as caught:
                ask(OpenAIServer(url=other, key=KEY).open("m"))
            assert len(seen) == before
    with (
        server(401, json.dumps({"error": {"message": "no"}}).encode()) as (url, _),
        pytest.raises(ModelUnavailable) as no,
    ):
        ask(OpenAIServer(url=url, key=KEY).open("m"))
    spoken = OpenAIServer(url=url, key=KEY)
    shown = f"{caplog.text} {caught.value} {no.value} {spoken!r} {spoken.open('m')!r}"
    assert KEY not in shown


def test_password_in_an_address_is_not_shown() -> None:
    """An address that holds a password is shown without it."""
    with pytest.raises(ModelUnavailable) as caught:
        ask(OpenAIServer(url="http://me:hidden-word@127.0.0.1:9/v1").open(""))
    assert "hidden-word" not in str(caught.value)
    assert "127.0.0.1:9/v1" in str(caught.value)


def test_nodes_say_that_they_are_nodes() -> None:
    """A question from one node to another carries a header, so that it goes no further."""
    with server(200, b"data: [DONE]\n\n") as (url, seen):
        ask(OpenAIServer(url=url, peer=True).open(""))
        assert seen[-1][1][HOPS_HEADER] == "1"
        ask(OpenAIServer(url=url).open(""))
        assert HOPS_HEADER not in seen[-1][1]


@pytest.mark.parametrize(
    "body", [b"data: {broken\n\ndata: 17\n\n: ping\n\nevent: x\n\ndata: {}\n\n", b"", b"\xff\xfe\n"]
)
def test_nonsense_in_a_stream(body: bytes) -> None:
    """Lines that mean nothing are passed over; an answer without text is an empty answer, if that is its end."""
    with server(200, body + b"data: [DONE]\n\n") as (url, _):
        assert ask(OpenAIServer(url=url).open("")) == ""


def test_error_in_a_stream() -> None:
    """An error inside a stream is an error, not the end of the answer."""
    said = (
        b'data: {"choices": [{"delta": {"content": "Hel"}}]}\n\ndata: {"error": {"code": 500, "message": "boom"}}\n\n'
    )
    with server(200, said) as (url, _), pytest.raises(ModelUnavailable, match="boom"):
        ask(OpenAIServer(url=url).open(""))


@pytest.mark.model
def test_ollama_context_is_constant(shim: Shim) -> None:
    """Each request carries the same context, how long the model is kept, and that nothing may be cut."""
    shim.asked.clear()
    model = OllamaServer(host=shim.url, context_tokens=2048).open("")
    ask(model)
    ask(model, Prompt(messages=HELLO.messages, max_tokens=2, temperature=0.0, stop=("x",), seed=3))
    assert {each["options"]["num_ctx"] for each in shim.asked} == {2048}
    assert all(each["keep_alive"] and each["truncate"] is False and each["shift"] is False for each in shim.asked)
    assert {"temperature": 0.0, "stop": ["x"], "seed": 3}.items() <= shim.asked[-1]["options"].items()


@pytest.mark.model
def test_ollama_that_cuts_in_silence(llama: Llama) -> None:
    """An old Ollama ignores that, cuts the prompt and answers: what it says it read gives it away."""
    with ollama_shim(llama, old=True) as shim:
        model = OllamaServer(host=shim.url, context_tokens=2048).open("")
        long = Prompt(messages=(PromptMessage(role="user", content="word after word " * 1200),), max_tokens=4)
        with pytest.raises(ContextTooLong, match="the model holds 2048"):
            ask(model, long)
        assert ask(model)


@pytest.mark.model
def test_ollama_is_hung_up_on(shim: Shim) -> None:
    """A stop closes the connection, so that Ollama ends too."""
    shim.hung_up.clear()
    stop = threading.Event()
    long = Prompt(messages=HELLO.messages, max_tokens=1500, schema={"type": "array", "minItems": 300})
    OllamaServer(host=shim.url, context_tokens=2048).open("").generate(long, on_text=lambda _: stop.set(), stop=stop)
    assert shim.hung_up.wait(PATIENCE)


@pytest.mark.model
@pytest.mark.parametrize("kind", ["openai", "ollama"])
def test_a_connection_that_is_made_while_the_process_is_held_up_is_taken(
    kind: str, llama: Llama, shim: Shim, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that is busy with the model stops everybody else for longer than the probe waits."""
    server = OpenAIServer(url=llama.url, key=llama.key) if kind == "openai" else OllamaServer(host=shim.url)
    model, connect = server.open(""), asyncio.SelectorEventLoop.sock_connect

    async def held_up(loop: asyncio.SelectorEventLoop, sock: socket.socket, address: Any) -> None:
        loop.call_soon(time.sleep, 2 * server_probe.CONNECT_SECONDS)
        await connect(loop, sock, address)

    monkeypatch.setattr(asyncio.SelectorEventLoop, "sock_connect", held_up)
    assert ask(model)


@pytest.mark.model
def test_ollama_without_the_tag(shim: Shim) -> None:
    """A tag that is not there is said, with how to get it."""
    model = OllamaServer(host=shim.url).open("nothing")
    assert "models pull nothing:latest" in (model.missing() or "")
    with pytest.raises(ModelUnavailable, match="models pull nothing"):
        ask(model)


@pytest.mark.model
def test_frozen_server(llama: Llama) -> None:
    """A server that says nothing any more can still be left at once."""
    model = OpenAIServer(url=llama.url, key=llama.key).open("")
    assert model.context_tokens == 2048
    stop, said = threading.Event(), threading.Event()
    long = Prompt(messages=HELLO.messages, max_tokens=1500, schema={"type": "array", "minItems": 300})
    made: list[str] = []

    def run() -> None:
        made.append(model.generate(long, on_text=lambda _: said.set(), stop=stop).finish)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert said.wait(PATIENCE)
    llama.freeze()
    try:
        stop.set()
        until(lambda: made, "it is left")  # the server says nothing before it is thawed, below
        assert made == ["cancelled"]
    finally:
        llama.thaw()
