"""Who says to a run what the journal knows of its actions? As `[handoff]` of `fleet.toml` has it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from handoff.warnings.warning_index import SaidWarning
from orchestrator.core.ports.action_warner import ActionWarner, Unwarned
from orchestrator.execution.journal_warner import JournalWarner, LookUp, WarningForm
from orchestrator.ledger.snapshot import LedgerSnapshot

JournalLookUp = Callable[[str, str, Sequence[str], int], Sequence[SaidWarning]]
"""Takes a project, an action, the texts that were said, and how many lines at most."""


def run_warner(
    look_up: JournalLookUp | None, ledger: LedgerSnapshot, project: str, note: Callable[[str], None]
) -> ActionWarner:
    """The warner of a run in a project ("" is the fleet itself), as this ledger has it; it keeps nothing of that."""
    part = ledger.charter.handoff
    if look_up is None or part.warnings == "off" or part.warnings_a_run < 1:
        return Unwarned()
    return JournalWarner(
        look_up=looking_up(look_up, project),
        form=WarningForm(part.warnings),
        limit=part.warnings_a_run,
        note=note,
    )


def looking_up(look_up: JournalLookUp, project: str) -> LookUp:
    """The same look-up in one project."""
    return lambda action, said, limit: look_up(project, action, said, limit)
