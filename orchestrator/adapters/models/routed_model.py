"""How do agents use whatever backend the router chooses, as one model?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from orchestrator.adapters.models.router import Router
from orchestrator.chat.failover import Failover
from orchestrator.core.errors import ModelUnavailable
from orchestrator.core.model_competence import Competence
from orchestrator.core.ports.model import Embedder, Generation, Model, PrefixCache, Prompt, Stop
from orchestrator.core.ports.model_backend import NODE_PREFIX


class RoutedModel:
    """The model that is chosen when it is asked, else the next one. Usage says who answered.

    `context_tokens` is what is told where nobody can answer. It makes no vectors and keeps no prompts.
    """

    embedder: Embedder | None = None
    keeper: PrefixCache | None = None

    def __init__(self, router: Router, *, context_tokens: int) -> None:
        self._router, self._context_tokens = router, context_tokens

    @property
    def name(self) -> str:
        """The name of who would answer now."""
        chosen = self._chosen()
        return chosen.name if chosen else "no model"

    @property
    def backend(self) -> str:
        """What would answer now."""
        chosen = self._chosen()
        return chosen.backend if chosen else "none"

    @property
    def context_tokens(self) -> int:
        """What that one holds."""
        chosen = self._chosen()
        return chosen.context_tokens if chosen else self._context_tokens

    @property
    def competence(self) -> Competence:
        """What that one is good for."""
        try:
            return self._router.choose().competence
        except ModelUnavailable:
            return Competence(model="no model")

    def missing(self) -> str | None:
        """Why nobody can answer; looks for backends that nobody looked for yet."""
        return self._router.missing() or None

    def count(self, text: str) -> int:
        """As that one counts. Raises ModelUnavailable."""
        return self._router.choose().model.count(text)

    def generate(self, prompt: Prompt, *, on_text: Callable[[str], None], stop: Stop) -> Generation:
        """Answers; a note says when somebody else did than who was asked first. Raises as the port, and WrongPrompt."""
        failover = Failover(chooser=self._router, choice=self._router.choose())
        made = failover.generate(prompt, on_text=on_text, stop=stop)
        used, choice = made.usage, failover.choice
        if not failover.failed and not used.backend.startswith(NODE_PREFIX):
            return made
        first = "; ".join(failover.failed or choice.tried)
        note = f"answered by {used.model or 'its model'} on {used.backend} ({choice.why}): {first}"
        return replace(made, notes=(note,))

    def close(self) -> None:
        """Closes every model."""
        self._router.close()

    def _chosen(self) -> Model | None:
        try:
            return self._router.choose().model
        except ModelUnavailable:
            return None
