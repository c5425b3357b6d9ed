"""Which backend answers, and which goes on (failover) where that one cannot?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from orchestrator.core.errors import ContextTooLong, ModelUnavailable, WrongPrompt
from orchestrator.core.ports.model import Generation, Model, Prompt, Stop
from orchestrator.core.ports.model_backend import BackendChoice

MAX_ATTEMPTS = 8
"""Calls for one answer: a backend that fails rests after the second."""


class ModelChooser(Protocol):
    """Chooses a backend; the models' `Router` is one."""

    def choose(self, wanted: str = "", *, peers: bool = True) -> BackendChoice:
        """Who answers now. Raises ModelUnavailable, NotFound."""


@dataclass(kw_only=True)
class Failover:
    """The chosen backend, until it fails before it said a word: then the next one."""

    chooser: ModelChooser
    choice: BackendChoice
    wanted: str = ""
    peers: bool = True
    failed: list[str] = field(default_factory=list)

    @property
    def model(self) -> Model:
        """Who speaks now."""
        return self.choice.model

    @property
    def context_tokens(self) -> int:
        """The longest prompt and answer together that it holds."""
        return self.model.context_tokens

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
                made = self.model.generate(prompt, on_text=heard, stop=stop)
            except ModelUnavailable as error:
                self.choice.report(error)
                self.failed.append(f"{self.model.backend}: {error}")
                if said or stop.is_set():
                    raise
                self.choice = self.chooser.choose(self.wanted, peers=self.peers)
            except (ContextTooLong, WrongPrompt):
                self.choice.report(None)
                raise
            else:
                if made.text or made.finish != "cancelled":  # else it says nothing about the backend
                    self.choice.report(None)
                return made
        raise ModelUnavailable("no model answered: {}", "; ".join(self.failed))
