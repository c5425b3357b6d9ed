"""Which lines does the handoff of one project hold, for answers that cite them?"""

from __future__ import annotations

from dataclasses import dataclass

from handoff.answers.citable import CitableLine, document_lines, entry_lines
from handoff.tiers import Tier, path_of
from orchestrator.core.model_competence import is_toy_name
from orchestrator.ledger import session_logs
from orchestrator.ledger.confirmed_text import confirmed_text
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.workflow.journal.context import CONTEXT_TIERS, FLEET_TIERS

MAX_CACHED_VERSIONS = 4
MAX_ENTRIES = 200
"""Entries of each log, the newest; older ones are recalled for a question."""


@dataclass(frozen=True, kw_only=True)
class HandoffLines:
    """The lines, and the one that says what the project is."""

    lines: tuple[CitableLine, ...]
    lead: CitableLine | None = None
    toys: frozenset[str] = frozenset()
    """The entries that a toy wrote."""


_by_version: dict[tuple[str, str], HandoffLines] = {}
"""What was found in one version of the branch, which never changes."""


def handoff_lines(ledger: LedgerSnapshot, project: str) -> HandoffLines:
    """The documents' lines, and those of the log's entries, the newest first; what a toy model wrote is no source."""
    key = (ledger.tip, project)
    if key not in _by_version:
        _by_version[key] = _read(ledger, project)
        for old in list(_by_version)[:-MAX_CACHED_VERSIONS]:
            _by_version.pop(old, None)
    return _by_version[key]


def _read(ledger: LedgerSnapshot, project: str) -> HandoffLines:
    tiers = [tier for tier in CONTEXT_TIERS if project or tier in FLEET_TIERS]
    paths = [path for tier in tiers if (path := path_of(tier, project))]
    documents = {path: document_lines(path, confirmed_text(ledger, path)) for path in paths}
    lines = [line for found in documents.values() for line in found]
    logs = [session_logs.recent(ledger, log).chronological for log in {"", project}]
    entries = [one for log in logs for one in reversed(log[-MAX_ENTRIES:])]
    toys = frozenset(one.entry_id for one in entries if is_toy_name(one.model))
    lines += [line for one in entries if one.entry_id not in toys for line in entry_lines(one)]
    said = documents.get(path_of(Tier.PROJECT, project), ()) if project else ()
    return HandoffLines(lines=tuple(lines), lead=said[0] if said else None, toys=toys)
