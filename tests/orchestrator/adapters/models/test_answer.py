"""Is what a backend streams kept as it came, counted as it said, and is its error understood?"""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from orchestrator.adapters.models.answer import StreamedAnswer, TokenEstimator, prompt_characters, server_error
from orchestrator.adapters.models.http import chat_completion_body, client_options, run_until_stopped
from orchestrator.adapters.models.model_file import SAMPLING
from orchestrator.adapters.models.xllamacpp_server import apply_chunk, request_body, tokens_in_slot, translate_error
from orchestrator.core.errors import ContextTooLong, ModelUnavailable, OrchestratorError, WrongPrompt
from orchestrator.core.ports.model import Prompt, PromptMessage, Usage


def prompt(*said: str, **more: Any) -> Prompt:
    """A prompt of a person's words."""
    messages = tuple(PromptMessage(role="user", content=each) for each in said)
    return Prompt(messages=messages, max_tokens=9, **more)


@pytest.fixture
def heard() -> list[str]:
    """What was passed on."""
    return []


@pytest.fixture
def answer(heard: list[str]) -> StreamedAnswer:
    """An answer of which nothing has come yet."""
    return StreamedAnswer(usage=Usage(model="m", backend="b"), on_text=heard.append)


def test_pieces_are_passed_on_and_kept(answer: StreamedAnswer, heard: list[str]) -> None:
    """In order; an empty one is none, and no first word."""
    answer.say("")
    assert answer.usage.first_token_seconds is None
    for piece in ("Hel", "", "lo"):
        answer.say(piece)
    first = answer.usage.first_token_seconds
    assert first is not None
    answer.counts(tokens_in=7, tokens_out=2)
    made = answer.end()
    assert (heard, made.text, made.finish) == (["Hel", "lo"], "Hello", "stop")
    assert (made.usage.tokens_in, made.usage.tokens_out, made.usage.model) == (7, 2, "m")
    assert made.usage.seconds >= first >= 0
    assert made.usage.first_token_seconds == first, "the second word is not the first"


def test_a_stopped_answer_keeps_what_it_has(answer: StreamedAnswer) -> None:
    """Whatever the backend had said of its end."""
    answer.finish = "length"
    answer.say("so far")
    assert (answer.end(cancelled=True).finish, answer.end().finish) == ("cancelled", "length")
    assert answer.end(cancelled=True).text == "so far"


def test_tokens_are_estimated_by_what_was_counted_before() -> None:
    """Four characters a token first; more where a prompt came to more, never fewer, and never more than characters."""
    guess = TokenEstimator()
    assert (guess.count("x" * 400), guess.count("")) == (100, 0)
    guess.learn(prompt("x" * 100), 10)
    assert guess.count("x" * 400) == 100
    guess.learn(prompt("x" * 60, "x" * 40), 50)
    assert guess.count("x" * 400) == 200
    guess.learn(prompt("x" * 100), 10_000)
    assert guess.count("x" * 400) == 400
    guess.learn(prompt(""), 5)
    guess.learn(prompt(), 5)
    assert guess.count("x" * 400) == 400
    assert prompt_characters(prompt("ab", "c")) == 3


TOO_LONG: list[tuple[int, Any, tuple[int, int]]] = [
    (400, {"error": {"type": "exceed_context_size_error", "n_prompt_tokens": 9000, "n_ctx": 4096}}, (9000, 4096)),
    (
        400,
        {"error": {"message": "This model's maximum context length is 8192 tokens, you asked for 9001"}},
        (9001, 8192),
    ),
    (400, {"error": {"code": "context_length_exceeded", "message": "too long"}}, (500, 300)),
    (413, {"type": "x", "code": "context_length", "tokens": 70, "roof": 64}, (70, 64)),
    (500, "input is too large to process. increase the physical batch size (current batch size: 512)", (513, 512)),
    (400, {"error": "the input exceeds the context window"}, (500, 300)),
]


@pytest.mark.parametrize(("status", "body", "found"), TOO_LONG)
def test_servers_say_too_long_in_many_ways(status: int, body: Any, found: tuple[int, int]) -> None:
    """With their numbers where they tell them, else with ours; it always has more tokens than fit."""
    error = server_error(status, body, asked=500, roof=300)
    assert isinstance(error, ContextTooLong)
    assert (error.tokens, error.roof) == found
    assert error.tokens > error.roof


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (400, {"error": {"message": "no such tool"}}, WrongPrompt, "no such tool"),
        (422, {"detail": "temperature"}, WrongPrompt, "temperature"),
        (413, "", WrongPrompt, "cannot be asked"),
        (401, {"error": {"message": "key sk-secret is wrong"}}, ModelUnavailable, "refuses the key (401)"),
        (403, "", ModelUnavailable, "refuses the key (403)"),
        (404, {"error": {"message": "model not found"}}, ModelUnavailable, "answers 404: model not found"),
        (429, {"title": "Slow down"}, ModelUnavailable, "answers 429: Slow down"),
        (500, "out of memory", ModelUnavailable, "answers 500: out of memory"),
        (503, {"error": "loading"}, ModelUnavailable, "answers 503: loading"),
        (404, "the context length of nothing", ModelUnavailable, "answers 404"),
    ],
)
def test_every_other_error(status: int, body: Any, kind: type[OrchestratorError], words: str) -> None:
    """What the caller must change, what a person must set, and what may pass; no key is repeated."""
    error = server_error(status, body, asked=1, roof=2)
    assert type(error) is kind
    assert words in str(error)
    assert "sk-secret" not in str(error)


def test_words_of_a_server_are_cut() -> None:
    """A page of HTML in the place of an error fills no terminal."""
    for status in (400, 500):
        assert len(str(server_error(status, "x" * 10_000, asked=1, roof=2))) < 400


def test_a_prompt_as_openais_api_asks_it() -> None:
    """What is not wanted is left to the server; what is wanted stands there."""
    plain = chat_completion_body(prompt("Hi"))
    assert plain == {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 9, "stream": True}
    schema = {"type": "object"}
    full = chat_completion_body(prompt("Hi", temperature=0.0, seed=0, stop=("END",), schema=schema))
    assert (full["temperature"], full["seed"], full["stop"]) == (0.0, 0, ["END"])
    assert full["response_format"]["json_schema"]["schema"] == schema
    own = request_body(prompt("Hi"))
    assert own["return_progress"] is own["timings_per_token"] is True
    assert SAMPLING.items() <= own.items()
    wanted = request_body(prompt("Hi", temperature=0.25))
    assert wanted["temperature"] == 0.25, "what is asked for goes before what is usual"


def test_chunks_of_the_engine_are_counted_as_they_come(answer: StreamedAnswer, heard: list[str]) -> None:
    """First how far the prompt was read, then words with their counts, then how it ended."""
    apply_chunk({"prompt_progress": {"total": 100, "cache": 60, "processed": 80}}, answer, 4096)
    assert (answer.usage.tokens_in, answer.usage.tokens_cached, heard) == (100, 60, [])
    timings = {"cache_n": 60, "prompt_n": 40, "predicted_n": 1}
    apply_chunk({"choices": [{"delta": {"content": "Hi"}}], "timings": timings}, answer, 4096)
    last = {"cache_n": 60, "prompt_n": 40, "predicted_n": 2}
    apply_chunk({"choices": [{"delta": {}, "finish_reason": "length"}], "timings": last}, answer, 4096)
    made = answer.end()
    assert (made.text, made.finish) == ("Hi", "length")
    assert (made.usage.tokens_in, made.usage.tokens_out, made.usage.tokens_cached) == (100, 2, 60)
    assert tokens_in_slot({"timings": last}) == 102
    assert tokens_in_slot({"prompt_progress": {"processed": 80}}) == 80
    assert tokens_in_slot({}) == 0


def test_an_error_in_the_stream_is_one(answer: StreamedAnswer) -> None:
    """Its code says of what kind."""
    with pytest.raises(ContextTooLong):
        apply_chunk({"error": {"code": 400, "message": "exceeds the context size"}}, answer, 4096)
    with pytest.raises(ModelUnavailable):
        apply_chunk({"error": {"message": "gone"}}, answer, 4096)
    apply_chunk({}, answer, 4096)
    assert answer.end().text == ""


def test_a_question_that_was_not_taken() -> None:
    """With a schema that is what could not be followed; without one the model is not there."""
    assert isinstance(translate_error(ValueError("x" * 900), prompt("a", schema={})), WrongPrompt)
    plain = translate_error(ValueError("x" * 900), prompt("a"))
    assert isinstance(plain, ModelUnavailable)
    assert len(str(plain)) < 400


def test_a_call_can_be_dropped_at_any_moment() -> None:
    """It ends soon after the stop, wherever it waits; one that ends by itself says so, and one that fails raises."""
    import asyncio

    ended: list[str] = []

    async def forever() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            ended.append("closed")

    async def quick() -> None:
        ended.append("quick")

    async def broken() -> None:
        raise ValueError("no")

    stop = threading.Event()
    threading.Timer(0.05, stop.set).start()
    began = time.monotonic()
    assert not run_until_stopped(forever, stop)
    assert time.monotonic() - began < 60
    assert ended == ["closed"]
    assert not run_until_stopped(quick, stop), "a call that was stopped before is not begun"
    assert run_until_stopped(quick, threading.Event())
    assert ended == ["closed", "quick"]
    with pytest.raises(ValueError, match="no"):
        run_until_stopped(broken, threading.Event())


@pytest.mark.parametrize(("url", "asks_proxy"), [("http://127.0.0.1:8080", False), ("https://api.example", True)])
def test_a_server_in_the_house_is_asked_without_a_proxy(url: str, asks_proxy: bool) -> None:
    """The proxy for the internet would not reach it."""
    options = client_options(url, silence=7.0)
    assert options["trust_env"] is asks_proxy
    assert options["timeout"].read == 7.0
    assert options["verify"] is client_options(url)["verify"], "certificates are read once"
