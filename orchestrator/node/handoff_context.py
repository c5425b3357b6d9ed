"""What is an agent given to read before it starts? The handoff's context, in the tokens of the model that reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from missions.mission import Mission
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.workflow.journal import context


class TokenCounter(Protocol):
    """A model, as far as it counts."""

    def count(self, text: str) -> int:
        """How many tokens a text is for it; never raises."""


@dataclass(frozen=True, kw_only=True)
class HandoffContext:
    """How this node assembles what its agents are given."""

    counters: Mapping[str, TokenCounter] = field(default_factory=dict)
    """What counts for an agent, by its name; the others get an estimate."""
    recall: context.Recall = context.no_recall
    """What this machine's index of the journal knows about a task."""
    tokens: int = 1500
    """Tokens given to an instance."""

    def known(self, ledger: LedgerSnapshot, mission: Mission, now: datetime) -> str:
        """The documents, the log and what is recalled; the task itself goes where the agent wants it."""
        counter = self.counters.get(mission.agent)
        given = context.assemble_context(
            ledger,
            mission.project or "",
            mission.body,
            now=now,
            budget=self.tokens,
            count=counter.count if counter is not None else context.estimate_tokens,
            recall=self.recall,
        )
        return given.head + given.log + given.tail.partition("<shiftbook:task>")[0]
