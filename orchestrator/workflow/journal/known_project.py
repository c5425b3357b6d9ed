"""Which projects has the journal: those of `fleet.toml`, and those that have a log?"""

from __future__ import annotations

from orchestrator.core.errors import NotFound
from orchestrator.ledger import session_logs
from orchestrator.ledger.snapshot import LedgerSnapshot


def known_projects(ledger: LedgerSnapshot) -> list[str]:
    """By name."""
    logged = {file.project for file in session_logs.files(ledger.store, ledger.tree)}
    return sorted({*logged, *ledger.charter.projects} - {""})


def require_project(ledger: LedgerSnapshot, project: str) -> None:
    """Raises NotFound for a project that the journal does not have. "" is the fleet's own log."""
    if not project or project in ledger.charter.projects or project in known_projects(ledger):
        return
    known = ", ".join(sorted(ledger.charter.projects)) or "none yet"
    raise NotFound("unknown project {!r}: fleet.toml has {}", project, known)
