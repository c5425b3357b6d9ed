"""What did an attempt take? The usage log of this node, in its own database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from missions.agents.agent_names import is_paid_agent
from orchestrator.core import pricing
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
        used = pricing.priced(attempt.outcome.usage, paid_agent=is_paid_agent(mission.worker))
        self.book.record(run, used, when=attempt.finished)
