"""What is the model given for one message: head, turns so far, message?"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache

from orchestrator.chat import ledger_context as knowledge
from orchestrator.chat import prompt_fit
from orchestrator.chat.ledger_context import Known, Wanted
from orchestrator.chat.prompt_cache import Subject
from orchestrator.chat.tools import toolbox
from orchestrator.chat.tools.tool import Toolbox
from orchestrator.chat.values import Request
from orchestrator.core.ports.agent import Message, Model
from orchestrator.core.ports.storage import Turn
from orchestrator.ledger.snapshot import Ledger
from orchestrator.workflow.journal import context

HANDOFF_SHARE = 0.4
HANDOFF_ROOF = 6000
"""The handoff takes this part of a model's context, and at most so many tokens."""


@dataclass(kw_only=True)
class Giving:
    """Puts prompts together."""

    now: Callable[[], datetime]
    ledger: Callable[[], tuple[Ledger, str]] | None = None
    """The newest state, and why it may be old; None at a node that has joined no fleet."""
    recall: context.Recall = context.nothing
    _counters: dict[str, tuple[Model, Callable[[str], int]]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def fitted(
        self,
        request: Request,
        turns: Sequence[Turn],
        project: str,
        ledger: Ledger | None,
        model: Model,
        box: Toolbox | None,
    ) -> tuple[Known, prompt_fit.Fitted]:
        """What the model is given. Raises ContextTooLong."""
        past = list(prompt_fit.rounds(turns))
        wanted = self._wanted(Subject(project=project, role=role_of(box)), model, message=request.message)
        wanted = replace(
            wanted,
            pin=next((str(t.trace["pin"]) for t in reversed(turns) if t.trace.get("pin")), ""),
            clock=next((str(t.trace["clock"]) for t in reversed(turns) if t.trace.get("clock")), ""),
            told=frozenset(entry for turn in turns for entry in turn.trace.get("told", ())),
        )
        known = knowledge.known(ledger, wanted, self.recall) if ledger else knowledge.without_ledger(wanted)
        fitted = prompt_fit.fit(
            Message(role="system", content=known.head),
            past,
            Message(role="user", content=known.before + request.message),
            roof=model.context_tokens,
            count=wanted.count,
            trim=request.trim,
        )
        return known, fitted

    def _wanted(self, subject: Subject, model: Model, *, message: str) -> Wanted:
        return Wanted(
            project=subject.project,
            message=message,
            role=subject.role,
            pin="",
            told=frozenset(),
            now=self.now(),
            budget=min(HANDOFF_ROOF, int(model.context_tokens * HANDOFF_SHARE)),
            count=self.counter(model),
        )

    def head(self, subject: Subject, model: Model) -> str:
        """What a conversation that begins now would be given first. Raises what the ledger raises."""
        wanted = self._wanted(subject, model, message="")
        return knowledge.known(self.ledger()[0], wanted).head if self.ledger else subject.role

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
    return f"{knowledge.ROLE}\n\n{toolbox.told(box)}" if box else knowledge.ROLE
