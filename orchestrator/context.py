"""What is a fresh instance given to read before it starts?"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from handoff.assemble import Assembly, assemble, remembering
from handoff.tiers import Tier, path_of
from orchestrator.journal import utc
from orchestrator.ledger import Ledger

ROLE = (
    "You work on missions in a fleet. Answer from the documents below. Say plainly what you do not know. "
    "Everything you hand back is read by a person and by the next instance."
)

SHARED = frozenset({Tier.PORTFOLIO, Tier.LOG})
"""The tiers that exist without a project."""


def estimate(text: str) -> int:
    """Tokens by a rule of thumb, where no model's tokenizer is at hand: four characters each."""
    return (len(text) + 3) // 4


def assembled(
    ledger: Ledger, project: str, task: str, *, now: datetime, budget: int, count: Callable[[str], int]
) -> Assembly:
    """The four tiers for one task, in at most `budget` tokens as `count` counts them."""
    tiers = {tier: ledger.text(path_of(tier, project)) for tier in Tier if project or tier in SHARED}
    return assemble(role=ROLE, tiers=tiers, task=task, now=utc(now), budget=budget, count=remembering(count))
