"""What is a backend to the router, and who was chosen?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from orchestrator.core.errors import ContextTooLong, ModelUnavailable, WrongPrompt
from orchestrator.core.ports.agent import Embedder, Generation, Model, PrefixCache, Prompt, Stop

NODE_PREFIX = "node "
"""What the names of other nodes' backends begin with."""
HOPS_HEADER = "X-Shiftbook-Hops"
"""The header by which a node says that a node asks: whoever gets it must not ask a third one."""
ReportCall = Callable[[ModelUnavailable | None], None]
"""Takes how a call went: an error, or None when it went well."""


@dataclass(frozen=True, kw_only=True)
class ListedModel:
    """A model that a backend offers. `size` is in bytes, 0 where nobody says."""

    name: str
    backend: str
    context_tokens: int
    size: int = 0
    quantisation: str = ""
    parameters: str = ""


class Backend(Protocol):
    """Something that offers models."""

    @property
    def backend(self) -> str:
        """What it is called in answers and in LLM_PROVIDER_OVERRIDE."""

    def models(self) -> tuple[ListedModel, ...]:
        """What it offers, the one to use first. Takes a few seconds at most. Raises ModelUnavailable."""

    def open(self, name: str) -> Model:
        """A model of it; "" is the one to use. Loads nothing yet."""


@dataclass(frozen=True, kw_only=True)
class BackendChoice:
    """Who answers. `why` is one sentence for the person; `tried` says what was preferred and why it was not taken."""

    model: Model
    why: str
    tried: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class RoutedGeneration:
    """An answer, and who gave it."""

    generation: Generation
    choice: BackendChoice
    failed: tuple[str, ...] = ()
    """What was asked first in this very call and failed."""

    @property
    def notes(self) -> tuple[str, ...]:
        """One sentence where somebody else answered than who was asked first, or another node did."""
        usage = self.generation.usage
        if not self.failed and not usage.backend.startswith(NODE_PREFIX):
            return ()
        first = "; ".join(self.failed or self.choice.tried)
        return (f"answered by {usage.model or 'its model'} on {usage.backend} ({self.choice.why}): {first}",)


@dataclass(frozen=True, kw_only=True)
class BackendCandidate:
    """A backend in the order of preference. `why` is said when it is taken."""

    backend: Backend
    why: str
    local: bool = False
    """In this process: always there, never looked for."""
    named: bool = False
    """Only asked for requests that name it or one of its models."""
    peer: bool = False
    """Another node: only asked for requests that do not come from a node themselves."""


@dataclass(frozen=True, kw_only=True)
class BackendHealth:
    """How a backend stands. `state` is closed (in use), open (resting) or half-open."""

    backend: str
    state: str
    reachable: bool | None
    says: str


class ReportingModel:
    """A model whose calls are told to the router, so that it knows which backends work."""

    def __init__(self, model: Model, tell: ReportCall) -> None:
        self._model, self._tell = model, tell

    @property
    def name(self) -> str:
        """As the model says."""
        return self._model.name

    @property
    def backend(self) -> str:
        """As the model says."""
        return self._model.backend

    @property
    def context_tokens(self) -> int:
        """As the model says."""
        return self._model.context_tokens

    @property
    def embedder(self) -> Embedder | None:
        """As the model says; how its calls go is told too."""
        return _ReportingEmbedder(self._model.embedder, self._tell) if self._model.embedder else None

    @property
    def keeper(self) -> PrefixCache | None:
        """As the model says."""
        return self._model.keeper

    def missing(self) -> str | None:
        """As the model says."""
        return self._model.missing()

    def count(self, text: str) -> int:
        """As the model says."""
        return self._model.count(text)

    def generate(self, prompt: Prompt, *, on_text: Callable[[str], None], stop: Stop) -> Generation:
        """Answers, and tells how it went. A call that was stopped before a word came says nothing about a backend."""
        try:
            made = self._model.generate(prompt, on_text=on_text, stop=stop)
        except ModelUnavailable as error:
            self._tell(error)
            raise
        except (ContextTooLong, WrongPrompt):
            self._tell(None)
            raise
        if made.text or made.finish != "cancelled":
            self._tell(None)
        return made

    def close(self) -> None:
        """As the model says."""
        self._model.close()


@dataclass(frozen=True)
class _ReportingEmbedder:
    embedder: Embedder
    tell: ReportCall

    def embed(self, texts: Sequence[str]) -> tuple[tuple[float, ...], ...]:
        try:
            return self.embedder.embed(texts)
        except ModelUnavailable as error:
            self.tell(error)
            raise
