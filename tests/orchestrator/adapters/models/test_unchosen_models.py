"""A model that was pulled and is not chosen is named where a toy answers, with the command that chooses it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from orchestrator.adapters.models.configured import InProcessBackend, model_folder
from orchestrator.adapters.models.model_file import EmbeddedModel
from orchestrator.adapters.models.router import FRESH_SECONDS, Router
from orchestrator.adapters.models.xllamacpp import XLlamaCpp
from orchestrator.core.errors import ModelUnavailable
from orchestrator.core.model_competence import BETTER_MODEL
from orchestrator.core.ports.model import Model
from orchestrator.core.ports.model_backend import BackendCandidate, ListedModel
from orchestrator.core.settings import Settings
from tests.orchestrator.chat.conftest import ScriptedModel

HINT = "shop-7b is here and not chosen: `shiftbook models use shop-7b`"


@dataclass
class Shelf:
    """A backend in this process: the toy answers, whatever else is there."""

    backend: str = "shelf"
    names: list[str] = field(default_factory=lambda: ["tiny-135m"])

    def models(self) -> tuple[ListedModel, ...]:
        """What is there now."""
        return tuple(ListedModel(name=name, backend=self.backend, context_tokens=4000) for name in self.names)

    def open(self, name: str) -> Model:
        """The one of that name."""
        return ScriptedModel(name=name or self.names[0], backend=self.backend)


@dataclass
class Clock:
    """Monotonic seconds that a test moves."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_toy_that_answers_names_the_better_one() -> None:
    """Also one that was pulled while this process ran, once that is looked at again; a chosen one needs no word."""
    shelf, clock = Shelf(), Clock()
    router = Router([BackendCandidate(backend=shelf, why="it is here", local=True)], clock=clock)
    assert router.choose().competence.says().endswith(f"better: {BETTER_MODEL}")
    shelf.names += ["other-0.5b", "shop-7b"]
    clock.now += FRESH_SECONDS
    assert router.choose().competence.says().endswith(f"; {HINT}")
    shelf.names.insert(0, "shop-7b")
    fresh = Router([BackendCandidate(backend=shelf, why="it is chosen", local=True)], clock=clock)
    assert "not chosen" not in fresh.choose().competence.says()


def test_another_nodes_model_cannot_be_chosen_here() -> None:
    """What a peer offers is no file of this machine."""
    far = BackendCandidate(backend=Shelf(backend="node vps", names=["shop-7b"]), why="vps has it", peer=True)
    router = Router([BackendCandidate(backend=Shelf(), why="it is here", local=True), far], clock=Clock())
    assert router.choose().competence.better_here == ""


def test_without_any_chosen_model_the_reason_names_the_pulled_one(tmp_path: Path) -> None:
    """Where the embedded model was never fetched no model answers: the one that was pulled is named, too."""
    folder = model_folder(Settings(home=tmp_path))
    folder.mkdir(parents=True)
    (folder / "shop-7b.gguf").write_bytes(b"GGUF")

    class Lacking(EmbeddedModel):
        """The embedded model, which is not here."""

        def source(self) -> Path | None:
            """Nowhere."""
            return None

    weights = Lacking(folder=folder)
    make = lambda weights, context: XLlamaCpp(weights, context_tokens=context, scratch=tmp_path)  # noqa: E731
    shelf = InProcessBackend(backend="xllamacpp", make=make, weights=weights, folder=folder, context_tokens=2048)
    with pytest.raises(ModelUnavailable, match="shop-7b is here and not chosen: `shiftbook models use shop-7b`"):
        shelf.models()
