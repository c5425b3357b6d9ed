"""What is held for a message between taking it in and answering it?"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from orchestrator.chat import ledger_context as knowledge
from orchestrator.chat import prompt_fit
from orchestrator.chat.failover import Voice
from orchestrator.chat.ledger_context import Known
from orchestrator.chat.queue import Ticket
from orchestrator.chat.tools.tool import Toolbox
from orchestrator.chat.values import Answer, Event, Request
from orchestrator.core.ports.storage import Conversation, Turn


@dataclass(kw_only=True)
class Prepared:
    """A message that is about to be answered, and all that is held for it."""

    request: Request
    conversation: Conversation
    asked: Turn
    voice: Voice
    known: Known
    fitted: prompt_fit.Fitted
    ticket: Ticket
    notes: tuple[str, ...] = ()
    box: Toolbox | None = None
    held: ExitStack = field(default_factory=ExitStack)

    def start(self, node: str) -> Event:
        """What can be said before the first word."""
        told = {
            "conversation_id": self.conversation.id,
            "turn": self.asked.seq,
            "model": self.voice.model.name,
            "backend": self.voice.model.backend,
            "node": node,
            "project": self.conversation.project,
            "why": self.voice.choice.why,
            "tried": list(self.voice.tried),
            "tokens_in": self.fitted.tokens,
            "tiers": [vars(tier) for tier in self.known.tiers],
            "cut": self.cut,
            "notes": list(self.notes),
        }
        return Event(kind="start", data=told)

    @property
    def cut(self) -> list[dict[str, Any]]:
        """Everything that was left out."""
        return [*(knowledge.cut_json(cut) for cut in self.known.cut), *self.fitted.cut]


@dataclass(kw_only=True)
class Repeated:
    """A message that was answered before."""

    answer: Answer
    held: ExitStack = field(default_factory=ExitStack)

    def start(self, node: str) -> Event:
        """What was said before the first word then."""
        told = self.answer.json()
        names = (
            "conversation_id",
            "model",
            "backend",
            "node",
            "project",
            "why",
            "tried",
            "tiers",
            "cut",
            "notes",
            "repeated",
        )
        return Event(kind="start", data={name: told[name] for name in names} | {"turn": self.answer.seq - 1})
