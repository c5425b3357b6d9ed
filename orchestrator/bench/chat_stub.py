"""How is the real server run with a backend that only says a word each second? For `bench chat` alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from orchestrator.api import gunicorn_server
from orchestrator.api.app import create_app
from orchestrator.api.factory import open_app_services
from orchestrator.app import wiring
from orchestrator.app.web_process import RECORD_FILE
from orchestrator.chat.queue import BackendQueues
from orchestrator.core.environment import load_settings
from orchestrator.core.ports.model import Embedder, Generation, Model, PrefixCache, Prompt, Stop, Usage
from orchestrator.core.ports.model_backend import BackendCandidate, ListedModel
from orchestrator.core.settings import Settings
from orchestrator.workflow.journal.context import estimate_tokens

WORD_COUNT = 20
SECONDS_PER_WORD = 1.0
"""Seconds between two words."""


class SlowStubBackend:
    """A stand-in at the backend port: no model, twenty words, one a second."""

    name, backend, context_tokens = "stub", "stub", 8192
    embedder: Embedder | None = None
    keeper: PrefixCache | None = None

    def models(self) -> tuple[ListedModel, ...]:
        """Itself."""
        return (ListedModel(name=self.name, backend=self.backend, context_tokens=self.context_tokens),)

    def open(self, name: str) -> Model:
        """Itself."""
        return self

    def missing(self) -> str | None:
        """Nothing."""
        return None

    def count(self, text: str) -> int:
        """By a rule of thumb."""
        return estimate_tokens(text)

    def generate(self, prompt: Prompt, *, on_text: Callable[[str], None], stop: Stop) -> Generation:
        """Says its words."""
        said = 0
        while said < WORD_COUNT and not stop.wait(SECONDS_PER_WORD):
            on_text("word ")
            said += 1
        finish = "stop" if said == WORD_COUNT else "cancelled"
        usage = Usage(model=self.name, backend=self.backend, tokens_in=1, tokens_out=said)
        return Generation(text="word " * said, finish=finish, usage=usage)

    def close(self) -> None:
        """Nothing to let go of."""


def serve(now: Settings) -> None:
    """Serves as `shiftbook serve` does, but for the backend."""
    assert now.http is not None
    plan = gunicorn_server.ServerPlan(
        make=lambda: _stubbed_app(now), streams=now.streams, record=now.home / RECORD_FILE
    )
    gunicorn_server.serve(gunicorn_server.bind_socket(now.http, plan), plan)


def _stubbed_app(now: Settings) -> gunicorn_server.ServedApp:
    house = open_app_services(now)
    assert house.chats is not None
    chats = house.chats
    chats.router = chats.chat.chooser = wiring.only(BackendCandidate(backend=SlowStubBackend(), why="stub", local=True))
    chats.queues = chats.chat.queues = BackendQueues(lanes={}, other=now.streams, waiting=now.streams)
    return gunicorn_server.ServedApp(app=create_app(replace(house)), drain=lambda: None, close=lambda: None)


if __name__ == "__main__":
    serve(load_settings())
