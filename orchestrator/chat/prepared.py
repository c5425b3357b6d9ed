"""What is prepared for a message between taking it in and answering it?"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

from orchestrator.chat import prompt_fit
from orchestrator.chat.answer_plan import AnswerPlan
from orchestrator.chat.failover import Failover
from orchestrator.chat.ledger_context import LedgerContext, cut_json
from orchestrator.chat.queue import QueueTicket
from orchestrator.chat.tools.tool import Toolbox
from orchestrator.chat.values import AnswerEvent, ChatAnswer, ChatRequest
from orchestrator.core.ports.conversations import Conversation, ConversationTurn


@dataclass(kw_only=True)
class PreparedRequest:
    """A message that is about to be answered, and all that is held for it."""

    request: ChatRequest
    conversation: Conversation
    asked: ConversationTurn
    failover: Failover
    known: LedgerContext
    fitted: prompt_fit.FittedPrompt
    ticket: QueueTicket
    planned: AnswerPlan = field(default_factory=AnswerPlan)
    notes: tuple[str, ...] = ()
    box: Toolbox | None = None
    answered_by: str = ""
    """As whom the node answers."""
    held: ExitStack = field(default_factory=ExitStack)

    @property
    def plan(self) -> AnswerPlan:
        """The way to the answer for whoever answers now."""
        return replace(self.planned, competence=self.failover.choice.competence)

    def start(self, node: str) -> AnswerEvent:
        """What can be said before the first word."""
        told = {
            "conversation_id": self.conversation.id,
            "turn": self.asked.seq,
            "model": self.failover.model.name,
            "backend": self.failover.model.backend,
            "node": node,
            "answered_by": self.answered_by,
            "project": self.conversation.project,
            "good_for": self.plan.competence.good_for.value,
            "advice": self.plan.advice,
            "why": self.failover.choice.why,
            "tried": list(self.failover.tried),
            "tokens_in": self.fitted.tokens,
            "tiers": [vars(tier) for tier in self.known.tiers],
            "cut": self.cut,
            "notes": list(self.notes),
        }
        return AnswerEvent(kind="start", data=told)

    @property
    def cut(self) -> list[dict[str, Any]]:
        """Everything that was left out."""
        return [*(cut_json(cut) for cut in self.known.cut), *self.fitted.cut]


@dataclass(kw_only=True)
class RepeatedRequest:
    """A message that was answered before."""

    answer: ChatAnswer
    held: ExitStack = field(default_factory=ExitStack)

    def start(self, node: str) -> AnswerEvent:
        """What was said before the first word then."""
        told = self.answer.json()
        names = (
            "conversation_id",
            "model",
            "backend",
            "node",
            "answered_by",
            "project",
            "good_for",
            "advice",
            "why",
            "tried",
            "tiers",
            "cut",
            "notes",
            "repeated",
        )
        return AnswerEvent(kind="start", data={name: told[name] for name in names} | {"turn": self.answer.seq - 1})
