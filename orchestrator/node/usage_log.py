"""What did an attempt take? The usage log of this node, in its own database."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

from missions.mission import PAID_AGENTS
from orchestrator.core import pricing
from orchestrator.core.ports.model import Usage
from orchestrator.core.ports.usage import UsageBook, UsageOwner
from orchestrator.ledger.result_report import EndedAttempt


class AttemptUsage(Protocol):
    """Notes what attempts took. Usage is for people to look at: no result waits for it."""

    def record(self, attempt: EndedAttempt) -> None:
        """Notes an attempt that has ended. Raises whatever its database does."""


@dataclass(frozen=True, kw_only=True)
class UsageLog:
    """Writes to the database of this node."""

    book: UsageBook

    def record(self, attempt: EndedAttempt) -> None:
        """Notes an attempt that has ended, priced where its agent did not say what it cost. Raises StoreFailed."""
        mission, claim = attempt.mission, attempt.claim
        run = UsageOwner(
            node=claim.node,
            mission=mission.name,
            epoch=claim.epoch,
            attempt=claim.attempt,
            agent=mission.worker,
            project=mission.project or "",
        )
        used = attempt.outcome.usage
        if used.cost_usd is None:
            used = replace(used, cost_usd=pricing.cost(used) if may_cost_money(mission.worker, used) else 0.0)
        self.book.record(run, used, when=attempt.finished)


def may_cost_money(agent: str, used: Usage) -> bool:
    """Whether a run may have cost money: neither a command does nor a model on this machine, whatever it is called."""
    return agent in PAID_AGENTS or used.backend == "openai"
