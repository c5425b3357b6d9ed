"""How is the prompt built for one message: head, turns so far, message?"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache

from handoff.budget_fit import block
from orchestrator.chat import prompt_fit
from orchestrator.chat.ledger_context import (
    ROLE,
    LedgerContext,
    LedgerContextRequest,
    build_ledger_context,
    without_ledger,
)
from orchestrator.chat.prompt_cache import PromptHeadKey
from orchestrator.chat.tools import toolbox
from orchestrator.chat.tools.tool import Toolbox
from orchestrator.chat.values import ChatRequest
from orchestrator.core.ports.conversations import ConversationTurn
from orchestrator.core.ports.model import Model, PromptMessage
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.workflow.journal import context

HANDOFF_SHARE = 0.4
MAX_HANDOFF_TOKENS = 6000
"""The handoff takes this part of a model's context, and at most so many tokens."""


@dataclass(kw_only=True)
class PromptBuilder:
    """Puts prompts together."""

    now: Callable[[], datetime]
    ledger: Callable[[], tuple[LedgerSnapshot, str]] | None = None
    """Gives the newest state, and why it may be old; None at a node that has joined no fleet."""
    recall: context.Recall = context.no_recall
    _counters: dict[str, tuple[Model, Callable[[str], int]]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def newest(self) -> tuple[LedgerSnapshot | None, str]:
        """The newest state, and why it may be old or is missing. Raises what the ledger raises."""
        return self.ledger() if self.ledger else (None, "this node has joined no fleet: no handoff")

    def fitted(
        self,
        request: ChatRequest,
        turns: Sequence[ConversationTurn],
        project: str,
        ledger: LedgerSnapshot | None,
        model: Model,
        box: Toolbox | None,
        *,
        facts: str = "",
    ) -> tuple[LedgerContext, prompt_fit.FittedPrompt]:
        """What the model is given; `facts` is what the ledger itself answers. Raises ContextTooLong."""
        past = list(prompt_fit.prompt_rounds(turns))
        wanted = self._wanted(PromptHeadKey(project=project, role=role_of(box)), model, message=request.message)
        wanted = replace(
            wanted,
            pin=next((str(t.trace["pin"]) for t in reversed(turns) if t.trace.get("pin")), ""),
            clock=next((str(t.trace["clock"]) for t in reversed(turns) if t.trace.get("clock")), ""),
            told=frozenset(entry for turn in turns for entry in turn.trace.get("told", ())),
        )
        known = build_ledger_context(ledger, wanted, self.recall) if ledger else without_ledger(wanted)
        known = replace(known, before=block("ledger", facts) + known.before) if facts else known
        fitted = prompt_fit.fit_prompt(
            PromptMessage(role="system", content=known.head),
            past,
            PromptMessage(role="user", content=known.before + request.message),
            roof=model.context_tokens,
            count=wanted.count,
            trim=request.trim,
        )
        return known, fitted

    def _wanted(self, subject: PromptHeadKey, model: Model, *, message: str) -> LedgerContextRequest:
        return LedgerContextRequest(
            project=subject.project,
            message=message,
            role=subject.role,
            pin="",
            told=frozenset(),
            now=self.now(),
            budget=min(MAX_HANDOFF_TOKENS, int(model.context_tokens * HANDOFF_SHARE)),
            count=self.counter(model),
        )

    def head(self, subject: PromptHeadKey, model: Model) -> str:
        """What a conversation that begins now would be given first. Raises what the ledger raises."""
        wanted = self._wanted(subject, model, message="")
        ledger, _ = self.newest()
        return build_ledger_context(ledger, wanted).head if ledger else subject.role

    def counter(self, model: Model) -> Callable[[str], int]:
        """The model's counter, which remembers texts: a turn is counted once and not once a message."""
        key = f"{model.backend}/{model.name}"
        with self._lock:
            known = self._counters.setdefault(key, (model, lru_cache(maxsize=4096)(model.count)))
            if known[0] is not model:
                known = self._counters[key] = (model, lru_cache(maxsize=4096)(model.count))
        return known[1]


def role_of(box: Toolbox | None) -> str:
    """What stands above the documents: who answers, and with which tools."""
    return f"{ROLE}\n\n{toolbox.tool_instructions(box)}" if box else ROLE
