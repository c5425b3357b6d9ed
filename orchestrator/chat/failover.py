"""Who speaks in one answer, and who goes on where they cannot?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from orchestrator.core.errors import ModelUnavailable
from orchestrator.core.ports.agent import Generation, Model, Prompt, Stop
from orchestrator.core.ports.model_backend import BackendChoice

MAX_ATTEMPTS = 4
"""Backends that are tried for one step."""


class ModelChooser(Protocol):
    """Chooses a backend; `routing.Router` is one."""

    def choose(self, wanted: str = "", *, peers: bool = True) -> BackendChoice:
        """Who answers now. Raises ModelUnavailable, NotFound."""


@dataclass(kw_only=True)
class Failover:
    """The chosen backend, until it fails before it said a word: then the next one."""

    chooser: ModelChooser
    wanted: str
    peers: bool
    choice: BackendChoice
    failed: list[str] = field(default_factory=list)

    @property
    def model(self) -> Model:
        """Who speaks now."""
        return self.choice.model

    @property
    def tried(self) -> tuple[str, ...]:
        """What was preferred, and why it did not answer."""
        return tuple(dict.fromkeys([*self.failed, *self.choice.tried]))

    def generate(self, prompt: Prompt, *, on_text: Callable[[str], None], stop: Stop) -> Generation:
        """As Model.generate. Half an answer of one backend is never continued by another."""
        said = False

        def heard(text: str) -> None:
            nonlocal said
            said = True
            on_text(text)

        for _ in range(MAX_ATTEMPTS):
            try:
                return self.model.generate(prompt, on_text=heard, stop=stop)
            except ModelUnavailable as error:
                self.failed.append(f"{self.model.backend}: {error}")
                if said or stop.is_set():
                    raise
                self.choice = self.chooser.choose(self.wanted, peers=self.peers)
        raise ModelUnavailable("; ".join(self.failed))
