"""What is a backend to the router, and who was chosen?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from orchestrator.core.errors import ModelUnavailable
from orchestrator.core.model_competence import Competence, competence_by_name
from orchestrator.core.ports.model import Model

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
    """Who answers. `why` is one sentence for the person; `tried` says what was preferred and why it was not taken.

    Whoever calls the model says with `report` how that went, so that the next choice knows.
    """

    model: Model
    why: str
    tried: tuple[str, ...] = ()
    report: ReportCall = field(default=lambda error: None, repr=False, compare=False)
    judged: Competence | None = None
    """What the model is good for, by its backend's list and its check; None: by its name."""

    @property
    def competence(self) -> Competence:
        """What the model is good for."""
        return self.judged or competence_by_name(self.model.name, self.model.context_tokens)


@runtime_checkable
class JudgedModel(Protocol):
    """A model that knows what it is good for."""

    @property
    def competence(self) -> Competence:
        """What it, or who answers for it now, is good for."""


def competence_of(model: Model) -> Competence:
    """What a model is good for: as it knows it, or else as its name tells."""
    if isinstance(model, JudgedModel):
        return model.competence
    return competence_by_name(model.name, model.context_tokens)


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
