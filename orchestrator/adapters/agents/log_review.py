"""How does a node carry out a review that is a mission: the briefings, then the lessons that all should know?"""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.core.errors import OrchestratorError
from orchestrator.core.model_competence import is_toy_name
from orchestrator.core.ports.agent import AgentJob, Outcome
from orchestrator.core.ports.model import Model, Prompt, PromptMessage, Stop
from orchestrator.core.ports.model_backend import competence_of
from orchestrator.workflow.journal.memos import Memos
from orchestrator.workflow.journal.review import Reviews

SYSTEM_PROMPT = (
    "Say the following note in one plain sentence. Keep every number, name and negation exactly. "
    "Add nothing. Answer with the sentence only."
)
MAX_SENTENCE_TOKENS = 80


@dataclass(frozen=True, kw_only=True)
class ReviewAgent:
    """Does what `shiftbook digest run` does. What a mission's text says is not read: it cannot ask for more."""

    reviews: Reviews
    memos: Memos
    name: str = "review"

    def missing(self) -> str | None:
        """Nothing: a review works without a model."""
        return None

    def run(self, job: AgentJob, stop: Stop) -> Outcome:
        """Reviews every project. An attempt that is cut off leaves nothing half done; the next one starts afresh."""
        if stop.is_set():
            return Outcome(ok=False, summary="Stopped.", error="stopped before it began", cancelled=True)
        made = self.reviews.run()
        for one in made:
            job.say(one.says)
        promoted = self.memos.settle()
        for line in promoted:
            job.say(line)
        read = [one for one in made if one.entries]
        summary = "; ".join(one.says for one in read) or "No log has a new entry."
        parts = ["\n".join([f"**{one.says}**", "", *(f"- {line}" for line in one.lines)]) for one in read]
        parts += ["\n".join(f"- {line}" for line in promoted)]
        return Outcome(ok=True, summary=f"{summary[0].upper()}{summary[1:]}", answer="\n\n".join(filter(None, parts)))


@dataclass(frozen=True, kw_only=True)
class SentenceWriter:
    """A model that words what a review found."""

    model: Model
    stop: Stop

    def __call__(self, text: str) -> str:
        """The sentence in the model's words; "" when it has none, or is a toy: what it words is told on."""
        if self.model.missing() is not None or competence_of(self.model).is_toy:
            return ""
        messages = PromptMessage(role="system", content=SYSTEM_PROMPT), PromptMessage(role="user", content=text)
        asked = Prompt(messages=messages, max_tokens=MAX_SENTENCE_TOKENS)
        try:
            made = self.model.generate(asked, on_text=lambda _: None, stop=self.stop)
        except OrchestratorError:
            return ""
        return "" if is_toy_name(made.usage.model) else made.text.strip()
