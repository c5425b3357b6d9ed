"""Facts about who is chosen to answer. The backends here are real ones, or addresses where nobody is."""

from __future__ import annotations

import select
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from orchestrator.adapters.models.circuit_breaker import RETRY
from orchestrator.adapters.models.configured import configured_candidates
from orchestrator.adapters.models.ollama import OllamaServer
from orchestrator.adapters.models.openai import OpenAIServer
from orchestrator.adapters.models.routed_model import RoutedModel
from orchestrator.adapters.models.router import FRESH_SECONDS, Router
from orchestrator.app import wiring
from orchestrator.chat.failover import Failover
from orchestrator.core.environment import load_settings
from orchestrator.core.errors import ModelUnavailable, NotFound, WrongSetting
from orchestrator.core.ports.model import Generation, Model, Prompt, PromptMessage
from orchestrator.core.ports.model_backend import BackendCandidate, ListedModel
from orchestrator.core.settings import Settings
from tests.llama_server import Llama, eventually, llama_server
from tests.ollama_shim import Shim
from tests.servers import free_port
from tests.waiting import PATIENCE

pytestmark = pytest.mark.model
HELLO = Prompt(messages=(PromptMessage(role="user", content="Say hello."),), max_tokens=4)


class Clock:
    """Monotonic seconds that a test moves."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still."""
    return Clock()


def machine(home: Path, **more: Any) -> Settings:
    """A machine's settings, without those of the one that tests run on."""
    quiet: dict[str, Any] = {"provider": "", "ollama_host": f"127.0.0.1:{free_port()}", "context": 2048}
    return load_settings(home=home, **quiet | more)


def answer(router: Router) -> tuple[Generation, Failover]:
    """A short answer and who gave it."""
    failover = Failover(chooser=router, choice=router.choose())
    return failover.generate(HELLO, on_text=lambda _: None, stop=threading.Event()), failover


@dataclass
class BrokenBackend:
    """A stand-in for a backend whose adapter has a mistake."""

    backend: str = "broken"
    asked: int = 0

    def models(self) -> tuple[ListedModel, ...]:
        """Raises what no backend may."""
        self.asked += 1
        raise LookupError("a mistake")

    def open(self, name: str) -> Model:
        """Never called."""
        raise AssertionError(name)


def test_mistake_of_one_backend(clock: Clock) -> None:
    """What a backend raises that it may not is its trouble: it is looked for again, and the others answer."""
    broken = BrokenBackend()
    router = Router([BackendCandidate(backend=broken, why="")], clock=clock)
    for asked in (1, 2):
        with pytest.raises(ModelUnavailable, match="broken: LookupError: a mistake"):
            router.choose()
        eventually(lambda asked=asked: broken.asked == asked)
        clock.now += RETRY.after(asked) + FRESH_SECONDS
    assert router.models() == ()


def test_ollama_first(shim: Shim, tmp_path: Path) -> None:
    """An Ollama that can be reached answers, and the choice says so."""
    router = wiring.router(machine(tmp_path, ollama_host=shim.url))
    made, asked = answer(router)
    assert made.usage.backend == asked.model.backend == "ollama"
    assert (asked.choice.why, asked.tried) == ("an Ollama answers here", ())
    router.close()


def test_embedded_without_ollama(tmp_path: Path) -> None:
    """Without one the embedded model answers, and the choice says what was tried, with the next step."""
    router = wiring.router(machine(tmp_path))
    made, asked = answer(router)
    assert made.usage.backend == "xllamacpp"
    assert "ollama could not" in asked.choice.why
    assert "set OLLAMA_HOST" in asked.tried[0]
    router.close()


def test_explicit(shim: Shim, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What LLM_PROVIDER_OVERRIDE names answers; when it cannot, nothing else does in silence."""
    router = wiring.router(machine(tmp_path, ollama_host=shim.url, provider="embedded"))
    assert router.choose().model.backend == "xllamacpp"
    assert router.choose("ollama").model.backend == "ollama"
    alone = wiring.router(machine(tmp_path, provider="ollama"))
    with pytest.raises(ModelUnavailable, match="set OLLAMA_HOST"):
        alone.choose()
    with pytest.raises(ModelUnavailable, match="SHIFTBOOK_OPENAI_URL"):
        wiring.router(machine(tmp_path, provider="openai")).choose()
    monkeypatch.setenv("LLM_PROVIDER_OVERRIDE", "gpt")
    with pytest.raises(WrongSetting, match=r"LLM_PROVIDER_OVERRIDE.*name one of"):
        load_settings(home=tmp_path)


def test_file_and_url_are_choices(shim: Shim, llama: Llama, gguf: Path, tmp_path: Path) -> None:
    """A GGUF file in SHIFTBOOK_MODEL, or SHIFTBOOK_OPENAI_URL, goes before an Ollama that is there."""
    router = wiring.router(machine(tmp_path, ollama_host=shim.url, model=str(gguf)))
    assert router.choose().why == "SHIFTBOOK_MODEL names a file"
    assert router.choose().model.name == gguf.stem
    url = {"openai_url": llama.url, "openai_key": llama.key}
    router = wiring.router(machine(tmp_path, ollama_host=shim.url, **url))
    made, asked = answer(router)
    assert (made.usage.backend, made.usage.model, asked.choice.why) == ("openai", "tiny", "SHIFTBOOK_OPENAI_URL is set")


def test_wanted(shim: Shim, tmp_path: Path) -> None:
    """A request may name a backend, a model, or both; what nobody has is NotFound."""
    router = wiring.router(machine(tmp_path, ollama_host=shim.url))
    assert router.choose("xllamacpp").model.backend == "xllamacpp"
    assert router.choose("tiny").model.name == "tiny:latest"
    assert router.choose("ollama/tiny").model.backend == "ollama"
    assert router.choose("smollm2-135m-instruct").model.backend == "xllamacpp"
    assert router.choose("smollm2-135m-instruct").why == "asked for smollm2-135m-instruct"
    with pytest.raises(NotFound, match="models list"):
        router.choose("gpt-9")


def test_a_name_that_nobody_has_hurts_nobody(llama: Llama) -> None:
    """A wrong name is NotFound, however it is written: it is no failure of the backend, which answers the others."""
    server = BackendCandidate(backend=OpenAIServer(url=llama.url, key=llama.key), why="first")
    router = Router([server], clock=time.monotonic)
    for number in range(5):
        with pytest.raises(NotFound, match="models list"):
            router.choose(f"openai/gpt-{number}")
    assert router.choose("openai/tiny").model is router.choose("tiny").model
    assert answer(router)[0].text


def test_listing_tells_context(shim: Shim, tmp_path: Path) -> None:
    """Every model is listed with its backend, context, size and quantisation; embedding models are not."""
    listed = wiring.router(machine(tmp_path, ollama_host=shim.url)).models()
    told = {(each.backend, each.name): (each.context_tokens, each.quantisation, each.parameters) for each in listed}
    assert told["ollama", "tiny:latest"] == (2048, "Q8_0", "134.52M")
    assert told["xllamacpp", "smollm2-135m-instruct"] == (2048, "Q4_1", "135M")
    assert not any(name.startswith("words") for _, name in told)


class Mute:
    """A server that says nothing; from `drips` on it says a byte now and then, and who listens has no end of it."""

    def __init__(self, listener: socket.socket) -> None:
        self.listener, self.over = listener, threading.Event()
        self.address = f"127.0.0.1:{listener.getsockname()[1]}"
        self.thread = threading.Thread(target=self._answer, daemon=True)

    def drips(self) -> None:
        """From now on."""
        self.thread.start()

    def _answer(self) -> None:
        lines: list[socket.socket] = []
        while not self.over.wait(0.05):
            while select.select([self.listener], [], [], 0)[0]:
                lines.append(self.listener.accept()[0])
                lines[-1].send(b"HTTP/1.1 200 OK\r\nX: ")
            for line in lines:
                with suppress(OSError):  # nobody listens there any more
                    line.send(b"x")
        for line in lines:
            line.close()


@pytest.fixture
def mute() -> Iterator[Mute]:
    """One that listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Mute(listener)
        yield server
        server.over.set()
        if server.thread.is_alive():
            server.thread.join(PATIENCE)


def test_dead_backend_costs_nothing(mute: Mute, tmp_path: Path, clock: Clock) -> None:
    """A backend that is known to be dead is not waited for: nobody connects to it on a request's path."""
    router = Router(configured_candidates(machine(tmp_path, ollama_host=mute.address)), clock=clock)
    assert router.choose().model.backend == "xllamacpp"
    assert router.models()
    mute.drips()
    clock.now += 4 * RETRY.first  # it has rested: the look goes on beside the requests
    done = threading.Event()

    def hundred() -> None:
        for _ in range(100):
            router.choose()
            router.models()
        done.set()

    threading.Thread(target=hundred, daemon=True).start()
    assert done.wait(PATIENCE), "whoever waits for the look waits for ever"
    assert next(each for each in router.health() if each.backend == "ollama").reachable is False


def test_backend_returns(gguf: Path, tmp_path: Path, clock: Clock, llama: Llama) -> None:
    """A backend that dies is left after two failures, and found again after its rest, without a request that waits."""
    from tests.ollama_shim import ollama_shim

    with ollama_shim(llama) as first:
        port = int(first.url.rpartition(":")[2])
        router = Router(configured_candidates(machine(tmp_path, ollama_host=first.url)), clock=clock)
        assert answer(router)[1].model.backend == "ollama"
    fallen = RoutedModel(router, context_tokens=0).generate(HELLO, on_text=lambda _: None, stop=threading.Event())
    assert fallen.usage.backend == "xllamacpp"
    assert "on xllamacpp" in fallen.notes[0]
    assert "set OLLAMA_HOST" in fallen.notes[0]
    assert router.choose().model.backend == "xllamacpp"
    with ollama_shim(llama, port=port):
        assert router.choose().model.backend == "xllamacpp"  # it rests
        clock.now += max(2 * RETRY.first, FRESH_SECONDS)
        eventually(lambda: router.choose().model.backend == "ollama")
        assert answer(router)[0].usage.backend == "ollama"
    router.close()


def test_no_second_start_in_the_middle(llama: Llama, tmp_path: Path, gguf: Path) -> None:
    """An answer that breaks off after its first word is an error, not another model's answer from the beginning."""
    with llama_server(gguf) as dying:
        router = Router(
            [
                BackendCandidate(backend=OpenAIServer(url=dying.url, key=dying.key, backend="one"), why="first"),
                BackendCandidate(backend=OpenAIServer(url=llama.url, key=llama.key, backend="two"), why="second"),
            ],
            clock=time.monotonic,
        )
        said: list[str] = []

        def heard(text: str) -> None:
            said.append(text)
            dying.process.kill()

        long = Prompt(messages=HELLO.messages, max_tokens=1500, schema={"type": "array", "minItems": 300})
        with pytest.raises(ModelUnavailable):
            Failover(chooser=router, choice=router.choose()).generate(long, on_text=heard, stop=threading.Event())
        assert said
        made, asked = answer(router)
        assert made.usage.backend == "two"
        assert "one: " in asked.tried[0]


def test_another_node_answers(llama: Llama, tmp_path: Path) -> None:
    """When this node cannot, the next one on the list does, the nearest first; a node's own request goes no further."""
    nobody = f"http://127.0.0.1:{free_port()}/v1"
    here = machine(tmp_path, provider="ollama", peers=f"{nobody}, {llama.url}", peers_key=llama.key)
    router = wiring.router(here)
    made, asked = answer(router)
    assert made.usage.backend == f"node {llama.url}"
    assert llama.url in asked.choice.why
    note = wiring.model(here).generate(HELLO, on_text=lambda _: None, stop=threading.Event()).notes[0]
    assert f"on node {llama.url}" in note
    assert [each.partition(":")[0] for each in asked.tried] == ["ollama", "node http"]
    with pytest.raises(ModelUnavailable):
        router.choose(peers=False)
    assert all(not each.backend.startswith("node") for each in router.models())


def test_routed(tmp_path: Path, shim: Shim) -> None:
    """What agents use is whatever the router chooses, and what is missing when nobody can."""
    routed = wiring.model(machine(tmp_path, ollama_host=shim.url))
    assert (routed.name, routed.backend, routed.context_tokens) == ("tiny:latest", "ollama", 2048)
    assert routed.missing() is None
    made = routed.generate(HELLO, on_text=lambda _: None, stop=threading.Event())
    assert (made.usage.backend, made.notes) == ("ollama", ())
    routed.close()
    nobody = wiring.model(machine(tmp_path, provider="ollama"))
    assert "OLLAMA_HOST" in (nobody.missing() or "")
    assert (nobody.name, nobody.embedder, nobody.keeper) == ("no model", None, None)
    assert isinstance(nobody, RoutedModel)


def test_many_threads_one_look(shim: Shim, tmp_path: Path) -> None:
    """Many requests at once are all answered by the same backend, and open its model once."""
    router = wiring.router(machine(tmp_path, ollama_host=shim.url))
    models: list[Any] = []
    threads = [threading.Thread(target=lambda: models.append(router.choose().model)) for _ in range(16)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(models) == 16
    assert len({id(each) for each in models}) == 1


def test_addresses() -> None:
    """OLLAMA_HOST is understood as Ollama understands it."""
    for host, url in {
        "": "http://127.0.0.1:11434",
        "desk": "http://desk:11434",
        "desk:1234": "http://desk:1234",
        "0.0.0.0": "http://127.0.0.1:11434",
        "http://[::]:99/": "http://[::1]:99",
        "https://models.example": "https://models.example",
    }.items():
        assert OllamaServer(host=host).url == url
