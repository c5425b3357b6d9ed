"""The promises of the port Model, held against every adapter."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from orchestrator.errors import ContextTooLong
from orchestrator.ports import Generation, Message, Model

pytestmark = pytest.mark.model

KNOWN = "You are a worker. " + " ".join(f"The tool number {n} is kept in drawer {n * 7 % 13}." for n in range(60))


@pytest.fixture(params=["embedded"])
def model(request: pytest.FixtureRequest) -> Model:
    """Every adapter in turn."""
    return request.getfixturevalue(request.param)  # type: ignore[no-any-return]


def ask(
    model: Model,
    question: str,
    *,
    known: str = KNOWN,
    max_tokens: int = 12,
    on_text: Callable[[str], None] = lambda text: None,
    stop: threading.Event | None = None,
) -> Generation:
    """One answer."""
    messages = [Message(role="system", content=known), Message(role="user", content=question)]
    return model.generate(messages, max_tokens=max_tokens, on_text=on_text, stop=stop or threading.Event())


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
    made = ask(model, "Count from one to a hundred.", max_tokens=8)
    usage = made.usage
    assert made.finish == "length"
    assert usage.model
    assert usage.backend == model.backend
    assert usage.tokens_out == 8
    assert usage.tokens_in > model.count(KNOWN)
    assert usage.first_token_seconds is not None
    assert 0 < usage.first_token_seconds <= usage.seconds


def test_tokens(model: Model) -> None:
    """Tokens are counted by the model's own tokenizer: none in nothing, more in more, fewer than characters."""
    assert model.count("") == 0
    assert 0 < model.count("hello there") < 11
    assert model.count("hello there " * 50) > model.count("hello there " * 40)


def test_cache(model: Model) -> None:
    """A second question after the same beginning is answered from the cache, and usage says so."""
    ask(model, "What is in drawer 3?")
    cold = ask(model, "What is in drawer 3?", known="Now. " + KNOWN)
    warm = ask(model, "And in drawer 5?", known="Now. " + KNOWN)
    assert warm.usage.tokens_cached > 0.9 * warm.usage.tokens_in > cold.usage.tokens_cached
    assert (warm.usage.first_token_seconds or 0) < 0.5 * (cold.usage.first_token_seconds or 0)


def test_stopped_while_it_answers(model: Model) -> None:
    """A stop ends an answer within 0.2 s, with what there is, and its counts."""
    stop, stopped_at = threading.Event(), []

    def on_text(text: str) -> None:
        if not stop.is_set():
            stopped_at.append(time.monotonic())
            stop.set()

    made = ask(model, "Tell me a long story.", max_tokens=500, on_text=on_text, stop=stop)
    assert time.monotonic() - stopped_at[0] < 0.2
    assert made.finish == "cancelled"
    assert made.text
    assert made.usage.tokens_in > 0


def test_stopped_while_it_reads(model: Model) -> None:
    """A stop is heeded within 0.2 s while a long prompt is read; the next call is answered as if nothing had been."""
    stop = threading.Event()
    timer = threading.Timer(0.4, stop.set)
    timer.start()
    started = time.monotonic()
    made = ask(model, "What is in drawer 3?", known=f"{time.time()} {KNOWN}", stop=stop)
    assert time.monotonic() - started < 0.6 + 0.1
    assert made.finish == "cancelled"
    assert made.text == ""
    assert ask(model, "Say hello.", known="Be kind.").text.strip()


def test_stopped_before(model: Model) -> None:
    """A call that is stopped before it begins says nothing."""
    stop = threading.Event()
    stop.set()
    assert ask(model, "Hello?", stop=stop).finish == "cancelled"


def test_too_long(model: Model) -> None:
    """A prompt that does not fit is refused with both numbers, before a word is said; nothing is cut in silence."""
    said: list[str] = []
    with pytest.raises(ContextTooLong) as caught:
        ask(model, "Hello?", known=KNOWN * 4, on_text=said.append)
    assert caught.value.tokens > caught.value.roof == model.context_tokens
    assert said == []


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
    assert ask(model, "Say hello.", known="Be kind.").text.strip()
