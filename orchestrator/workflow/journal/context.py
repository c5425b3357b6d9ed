"""Which context is a fresh instance given before it starts?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import lru_cache

from handoff.context_builder import Assembly, assemble, memoised
from handoff.tiers import Tier, path_of
from orchestrator.core.time_text import format_utc
from orchestrator.ledger import session_logs
from orchestrator.ledger.confirmed_text import confirmed_text
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.workflow.journal.project_list import with_project_list

SYSTEM_PROMPT = (
    "You work on missions in a fleet. Answer from the documents below. Say plainly what you do not know. "
    "Everything you hand back is read by a person and by the next instance."
)

CONTEXT_TIERS = (Tier.PORTFOLIO, Tier.PROJECT, Tier.BRIEFING)
"""The tiers that are read as a whole; the log is read by its entries."""
FLEET_TIERS = frozenset({Tier.PORTFOLIO})
"""Those of them that exist without a project."""


def estimate_tokens(text: str) -> int:
    """Tokens by a rule of thumb, where no model's tokenizer is at hand: four characters each."""
    return (len(text) + 3) // 4


Recall = Callable[[LedgerSnapshot, str, str], Sequence[tuple[str, str]]]
"""Takes ledger, project and task; returns what earlier sessions said about it: (entry id, text)."""


def no_recall(_ledger: LedgerSnapshot, _project: str, _task: str) -> Sequence[tuple[str, str]]:
    """Recalls nothing: where there is no index."""
    return ()


_memoised_count = lru_cache(maxsize=4)(memoised)
"""One memory for each way of counting, so that a tokenizer sees a document once and not once a mission."""


def assemble_context(
    ledger: LedgerSnapshot,
    project: str,
    task: str,
    *,
    now: datetime,
    budget: int,
    count: Callable[[str], int],
    recall: Recall = no_recall,
    role: str = SYSTEM_PROMPT,
) -> Assembly:
    """The four tiers for one task, and what is recalled for it, in at most `budget` tokens as `count` counts them."""
    tiers = {
        tier: confirmed_text(ledger, path_of(tier, project)) for tier in CONTEXT_TIERS if project or tier in FLEET_TIERS
    }
    tiers[Tier.PORTFOLIO] = with_project_list(tiers[Tier.PORTFOLIO], ledger.charter.projects)
    journal = session_logs.recent(ledger, project)

    def given(recalled: Sequence[str]) -> Assembly:
        return assemble(
            role=role,
            tiers=tiers,
            task=task,
            now=format_utc(now),
            budget=budget,
            count=_memoised_count(count),
            recalled=recalled,
            log=journal,
        )

    plain = given(())
    found = recall(ledger, project, task) if task.strip() else ()
    lines = [line for entry_id, line in found if f"<!-- entry: {entry_id} -->" not in plain.log]
    return given(lines) if lines else plain
