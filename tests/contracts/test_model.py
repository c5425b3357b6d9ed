"""The promises of the port Model, held against every adapter."""

from __future__ import annotations

import json
import math
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from orchestrator.adapters.models.llamacpp import LlamaCpp
from orchestrator.adapters.models.model_file import ModelFile
from orchestrator.adapters.models.ollama import OllamaServer
from orchestrator.adapters.models.openai import OpenAIServer
from orchestrator.adapters.models.xllamacpp import XLlamaCpp
from orchestrator.core.errors import ContextTooLong, ModelUnavailable, WrongPrompt
from orchestrator.core.ports.model import Embedder, Generation, Model, Prompt, PromptMessage
from tests.llama_server import Llama
from tests.ollama_shim import Shim
from tests.servers import free_port

pytestmark = pytest.mark.model

BRIEF = "Be kind."


def drawers(count: int) -> str:
    """What a worker knows: thirteen tokens a drawer."""
    return "You are a worker. " + " ".join(f"The tool number {n} is kept in drawer {n * 7 % 13}." for n in range(count))


KNOWN, LONG, MUCH = drawers(24), drawers(60), drawers(140)
"""More than the 256 tokens from which on an answer's beginning is kept on disk; what takes ten times as long to read as
a question; and all that the context holds. None is longer than that: reading is what costs."""

SCHEMA = {
    "type": "object",
    "properties": {"device": {"enum": ["lamp", "door", "heater"]}, "on": {"type": "boolean"}},
    "required": ["device", "on"],
    "additionalProperties": False,
}
KEEPING = {"xllamacpp"}
"""Backends that keep prompts under a name, and on disk; the others cache by themselves, or the last one only."""
SOON = 0.5
"""Seconds of the processor within which a stopped call is back: what goes on would take several."""


WHOLE = pytest.param("embedded", marks=pytest.mark.nightly)
"""The adapter of `short` with all layers: the same, and twenty times the reading."""


@pytest.fixture(params=["short", "llamacpp", "openai", "ollama", "real_ollama", WHOLE])
def model(request: pytest.FixtureRequest) -> Model:
    """Every adapter in turn."""
    return request.getfixturevalue(request.param)  # type: ignore[no-any-return]


@pytest.fixture(params=["short", "llamacpp", "openai_vectors", "ollama", "real_ollama", WHOLE])
def embedder(request: pytest.FixtureRequest) -> Embedder:
    """Every adapter that makes vectors."""
    found = request.getfixturevalue(request.param).embedder
    assert found
    return found  # type: ignore[no-any-return]


@pytest.fixture
def openai(llama: Llama) -> Model:
    """A real llama.cpp server, by its OpenAI-compatible routes."""
    return OpenAIServer(url=llama.url, key=llama.key).open("")


@pytest.fixture
def openai_vectors(llama_vectors: Llama) -> Model:
    """The same, for vectors."""
    return OpenAIServer(url=llama_vectors.url, key=llama_vectors.key).open("")


@pytest.fixture
def ollama(shim: Shim) -> Model:
    """The official Ollama client against a stand-in over a real llama.cpp server."""
    return OllamaServer(host=shim.url, context_tokens=2048).open("tiny")


@pytest.fixture
def real_ollama() -> Model:
    """A real Ollama server: run only where OLLAMA_HOST names one (SHIFTBOOK_TEST_MODEL: a tag that it has)."""
    host = os.environ.get("OLLAMA_HOST")
    if not host:
        pytest.skip("OLLAMA_HOST is not set: no real Ollama was tested")
    return OllamaServer(host=host, context_tokens=2048).open(os.environ.get("SHIFTBOOK_TEST_MODEL", ""))


def ask(
    model: Model,
    question: str,
    *,
    known: str = BRIEF,
    max_tokens: int = 8,
    on_text: Callable[[str], None] = lambda text: None,
    stop: threading.Event | None = None,
    stop_at: tuple[str, ...] = (),
    **more: Any,
) -> Generation:
    """One answer."""
    messages = PromptMessage(role="system", content=known), PromptMessage(role="user", content=question)
    asked = Prompt(messages=messages, max_tokens=max_tokens, stop=stop_at, **more)
    return model.generate(asked, on_text=on_text, stop=stop or threading.Event())


def test_can_work(model: Model) -> None:
    """It is not missing, and has a name, a backend and a context."""
    assert model.missing() is None
    assert model.name
    assert model.backend
    assert model.context_tokens > 0


def test_streams(model: Model) -> None:
    """The pieces that are passed on make up the answer, and come one after the other."""
    pieces: list[tuple[float, str]] = []
    made = ask(model, "Count from one to ten.", on_text=lambda text: pieces.append((time.monotonic(), text)))
    assert made.text == "".join(text for _, text in pieces)
    assert made.text.strip()
    assert len(pieces) > 3
    assert pieces[-1][0] > pieces[0][0]


def test_counts(model: Model) -> None:
    """Usage names the model and the backend, and holds the model's own counts and the times in seconds."""
    long = {"type": "array", "items": {"type": "integer"}, "minItems": 100}  # so that it cannot end by itself
    made = ask(model, "Count from one to a hundred.", max_tokens=8, schema=long)
    usage = made.usage
    assert made.finish == "length"
    assert usage.model
    assert usage.backend == model.backend
    assert usage.tokens_out == 8
    assert usage.tokens_in > model.count(BRIEF)
    assert (usage.first_token_seconds is not None) is bool(made.text), "eight tokens may be no whole character yet"
    assert 0 <= (usage.first_token_seconds or 0.0) <= usage.seconds


def test_tokens(model: Model) -> None:
    """Tokens are counted, or estimated: none in nothing, more in more, fewer than characters."""
    assert model.count("") == 0
    assert 0 < model.count("hello there") < 11
    assert model.count("hello there " * 50) > model.count("hello there " * 40)


def test_cache(model: Model) -> None:
    """A second question after the same beginning is answered from the cache, and usage says so."""
    ask(model, "Load.")
    cold = ask(model, "What is in drawer 3?", known="Now. " + LONG)
    warm = [ask(model, f"And in drawer {n}?", known="Now. " + LONG) for n in (5, 6, 7)]  # a busy machine hinders one
    assert all(one.usage.tokens_cached > 0.9 * one.usage.tokens_in > cold.usage.tokens_cached for one in warm)
    assert min(one.usage.first_token_seconds or 0 for one in warm) < 0.5 * (cold.usage.first_token_seconds or 0)


def test_schema(model: Model) -> None:
    """An answer satisfies the JSON schema that it was asked for."""
    for question in ("Turn the lamp on.", "It is cold."):
        made = ask(model, question, known="You switch devices.", max_tokens=60, schema=SCHEMA)
        jsonschema.validate(json.loads(made.text), SCHEMA)


def test_schema_that_cannot_be_followed(model: Model) -> None:
    """A schema that no grammar can be made of is said, not dropped; the model goes on working."""
    with pytest.raises(WrongPrompt, match="bad"):
        ask(model, "Turn the lamp on.", schema={"$ref": "#/bad"})
    assert ask(model, "Say hello.").text.strip()


def test_sampling(model: Model) -> None:
    """The same seed gives the same answer, and a stop text ends it and is not part of it."""
    twice = [ask(model, "Tell me a story.", seed=7, temperature=0.0, max_tokens=24) for _ in "ab"]
    assert twice[0].text == twice[1].text
    word = twice[0].text.split()[3]
    cut = ask(model, "Tell me a story.", seed=7, temperature=0.0, max_tokens=24, stop_at=(word,))
    assert word not in cut.text
    assert twice[0].text.startswith(cut.text)
    assert cut.finish == "stop"


class StopSoon(threading.Event):
    """A stop that comes while the call is under way: when it was looked for so many times, or when it is set."""

    def __init__(self, looks: float = math.inf) -> None:
        super().__init__()
        self.looks, self.since = looks, math.nan
        """Looks that find nothing yet; how long the processor was busy when one found something first."""

    def is_set(self) -> bool:
        self.looks -= 1
        if self.looks < 0:
            self.set()
        if super().is_set() and math.isnan(self.since):
            self.since = time.process_time()
        return super().is_set()

    def was_heeded(self) -> bool:
        """Whether whoever found it set did next to nothing after that."""
        return time.process_time() - self.since < SOON


def test_stopped_while_it_answers(model: Model) -> None:
    """A stop ends an answer soon, with what there is, and its counts."""
    stop = StopSoon()
    made = ask(model, "Tell me a long story.", max_tokens=900, on_text=lambda _: stop.set(), stop=stop)
    assert stop.was_heeded()
    assert made.finish == "cancelled"
    assert made.text
    assert made.usage.tokens_in > 0
    assert made.usage.tokens_out > 0


def test_stopped_while_it_reads(model: Model) -> None:
    """A stop is heeded soon while a long prompt is read; the next call is answered as if nothing had been."""
    ask(model, "Load.")
    stop = StopSoon(looks=2)
    made = ask(model, "What is in drawer 3?", known=f"{time.time()} {MUCH}", stop=stop)
    assert stop.was_heeded()
    assert made.finish == "cancelled"
    assert made.text == ""
    assert ask(model, "Say hello.").text.strip()


def test_stopped_before(model: Model) -> None:
    """A call that is stopped before it begins says nothing."""
    stop = threading.Event()
    stop.set()
    assert ask(model, "Hello?", stop=stop).finish == "cancelled"


def test_too_long(model: Model) -> None:
    """A prompt that does not fit is refused with both numbers, before a word is said; nothing is cut in silence."""
    said: list[str] = []
    with pytest.raises(ContextTooLong) as caught:
        ask(model, "Hello?", known=KNOWN * 8, on_text=said.append)
    assert caught.value.tokens > caught.value.roof == model.context_tokens
    assert said == []
    assert ask(model, "Say hello.").text.strip()


def test_many_callers(model: Model) -> None:
    """Several threads may call at once; each gets its own answer."""
    made: dict[int, Generation] = {}
    threads = [
        threading.Thread(target=lambda n=n: made.update({n: ask(model, f"Say {n}.", known="Be brief.")}))
        for n in range(4)
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert all(made[n].text.strip() and made[n].finish != "cancelled" for n in range(4))


def test_listener_fails(model: Model) -> None:
    """An error of whoever listens is theirs, and ends the generation; the model goes on working."""

    def broken(text: str) -> None:
        raise OSError("the phone hung up")

    with pytest.raises(OSError, match="hung up"):
        ask(model, "Tell me a long story.", max_tokens=500, on_text=broken)
    assert ask(model, "Say hello.").text.strip()


def test_vectors(embedder: Embedder) -> None:
    """Vectors come in the order of the texts, of one dimension, the same for the same text, and near for near texts."""
    texts = ["The cat sleeps on the sofa.", "A cat is asleep on the couch.", "Interest rates rose by two percent."]
    made = embedder.embed([*texts, texts[0]])
    assert {len(each) for each in made} == {len(made[0])}
    assert len(made[0]) > 10
    assert math.isclose(near(made[0], made[3]), 1, abs_tol=1e-3)
    assert near(made[0], made[1]) > near(made[0], made[2])
    assert len(embedder.embed(["one"])[0]) == len(made[0])
    assert embedder.embed([]) == ()


def test_vectors_of_too_long_a_text(embedder: Embedder) -> None:
    """A text that does not fit is refused, not cut."""
    with pytest.raises(ContextTooLong) as caught:
        embedder.embed(["a word " * 4000])
    assert caught.value.tokens > caught.value.roof


def near(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    """The cosine of two vectors."""
    return sum(a * b for a, b in zip(one, other, strict=True)) / (math.hypot(*one) * math.hypot(*other))


def test_warm(model: Model) -> None:
    """What was read ahead is not read again by the call that begins with it, where an adapter keeps prompts."""
    known = f"Warm. {KNOWN}"
    assert (model.keeper is not None) is (model.backend in KEEPING)
    if model.keeper is None:
        return
    read = model.keeper.warm([PromptMessage(role="system", content=known)], "talk")
    made = ask(model, "What is in drawer 3?", known=known, conversation="talk")
    assert read.tokens_cached < 0.1 * read.tokens_in
    assert made.usage.tokens_cached > 0.9 * made.usage.tokens_in


def test_save_and_load(short: XLlamaCpp, gguf: Path, tmp_path: Path) -> None:
    """A saved state serves another process's model; one of another model, cut or gone is none."""
    known, path = f"Saved. {KNOWN}", tmp_path / "deep" / "state"
    keeper = short.keeper
    assert keeper
    assert not keeper.load(path, "fresh")
    keeper.warm([PromptMessage(role="system", content=known)], "saved")
    assert keeper.save(path, "saved")
    assert path.stat().st_mode & 0o077 == 0
    other = XLlamaCpp(ModelFile(path=gguf), context_tokens=2048)
    try:
        assert other.keeper
        assert other.keeper.load(path, "fresh")
        made = ask(other, "What is in drawer 3?", known=known, conversation="fresh")
        assert made.usage.tokens_cached > 0.9 * made.usage.tokens_in
        note = path.with_name("state.json")
        whole, told = path.read_bytes(), note.read_text()
        path.write_bytes(whole[: len(whole) // 2])
        assert not other.keeper.load(path, "cut")
        path.write_bytes(whole)
        note.write_text(told.replace('"model": "', '"model": "another '))
        assert not other.keeper.load(path, "other")
        note.unlink()
        assert not other.keeper.load(path, "alone")
    finally:
        other.close()


def test_closed_twice(llamacpp: Model, openai: Model, ollama: Model, gguf: Path) -> None:
    """Closing twice is no error, also when nothing was ever loaded."""
    for each in (XLlamaCpp(ModelFile(path=gguf)), LlamaCpp(ModelFile(path=gguf)), openai, ollama):
        each.close()
        each.close()


def gone(url: str) -> list[Model]:
    """Models whose server is not there, or not one."""
    return [OpenAIServer(url=f"{url}/v1").open("x"), OllamaServer(host=url).open("x"), OllamaServer(host=url).open("")]


@pytest.mark.parametrize(
    "url",
    [f"http://127.0.0.1:{free_port()}", "ftp://127.0.0.1", "http://[", "http://127.0.0.1:x"],
    ids=["closed", "ftp", "half", "letters"],
)
def test_nobody_there(url: str) -> None:
    """A server that is not there is ModelUnavailable everywhere, with its address and what to do."""
    for each in gone(url):
        assert "set " in (each.missing() or "")
        with pytest.raises(ModelUnavailable, match=r"set (OLLAMA_HOST|SHIFTBOOK_OPENAI_URL)"):
            ask(each, "Hello?")
        assert each.embedder
        with pytest.raises(ModelUnavailable):
            each.embedder.embed(["Hello?"])
