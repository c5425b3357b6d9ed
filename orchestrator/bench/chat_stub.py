"""How is the real server run with a backend that only says a word each second? For `bench chat` alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from orchestrator.api import gunicorn_server
from orchestrator.api.app import create_app
from orchestrator.api.factory import open_house
from orchestrator.app import wiring
from orchestrator.chat.queue import Gates
from orchestrator.core import settings
from orchestrator.core.ports.agent import Embedder, Generation, Keeper, Model, Prompt, Stop, Usage
from orchestrator.core.ports.model_backend import Candidate, Listed
from orchestrator.core.settings import Settings
from orchestrator.workflow.journal.context import estimate

WORDS = 20
EACH = 1.0
"""Seconds between two words."""


class Slow:
    """A stand-in at the backend port: no model, twenty words, one a second."""

    name, backend, context_tokens = "stub", "stub", 8192
    embedder: Embedder | None = None
    keeper: Keeper | None = None

    def models(self) -> tuple[Listed, ...]:
        """Itself."""
        return (Listed(name=self.name, backend=self.backend, context_tokens=self.context_tokens),)

    def open(self, name: str) -> Model:
        """Itself."""
        return self

    def missing(self) -> str | None:
        """Nothing."""
        return None

    def count(self, text: str) -> int:
        """By a rule of thumb."""
        return estimate(text)

    def generate(self, prompt: Prompt, *, on_text: Callable[[str], None], stop: Stop) -> Generation:
        """Says its words."""
        said = 0
        while said < WORDS and not stop.wait(EACH):
            on_text("word ")
            said += 1
        finish = "stop" if said == WORDS else "cancelled"
        usage = Usage(model=self.name, backend=self.backend, tokens_in=1, tokens_out=said)
        return Generation(text="word " * said, finish=finish, usage=usage)

    def close(self) -> None:
        """Nothing to let go of."""


def serve(now: Settings) -> None:
    """Serves as `shiftbook serve` does, but for the backend."""
    assert now.http is not None
    plan = gunicorn_server.Plan(make=lambda: _served(now), streams=now.streams, record=now.home / "http.json")
    gunicorn_server.serve(gunicorn_server.listen(now.http, plan), plan)


def _served(now: Settings) -> gunicorn_server.Served:
    house = open_house(now)
    assert house.chats is not None
    chats = house.chats
    chats.router = chats.chat.chooser = wiring.only(Candidate(backend=Slow(), why="stub", local=True))
    chats.gates = chats.chat.gates = Gates(lanes={}, other=now.streams, waiting=now.streams)
    return gunicorn_server.Served(app=create_app(replace(house)), drain=lambda: None, close=lambda: None)


if __name__ == "__main__":
    serve(settings.load())
