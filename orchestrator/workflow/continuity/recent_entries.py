"""Which entries of the journal bear on a month? Those up to its end, as many of the newest as are read at once."""

from __future__ import annotations

from dataclasses import dataclass

from handoff.entry import Entry
from orchestrator.ledger import session_logs
from orchestrator.ledger.snapshot import LedgerSnapshot

MAX_ENTRIES = 10_000
"""Entries that are looked at, the newest: reading so many takes a second."""


@dataclass(frozen=True, kw_only=True)
class JournalEntry:
    """An entry and the project whose log it stands in."""

    project: str
    entry: Entry


@dataclass(frozen=True, kw_only=True)
class RecentEntries:
    """Entries, the oldest first; `cut`: there are older ones, which were not looked at."""

    entries: tuple[JournalEntry, ...]
    cut: bool = False


def recent_entries(ledger: LedgerSnapshot, month: str, project: str | None = None) -> RecentEntries:
    """What was written up to the end of a month (`2026-11`), in the fleet's log and in a project's, or in all."""
    logs = (file for file in session_logs.files(ledger.store, ledger.tree) if file.month[:7] <= month)
    wanted = [file for file in logs if project in (None, file.project) or not file.project]
    newest = sorted(wanted, key=lambda file: (file.month or "~", file.path), reverse=True)
    found: dict[tuple[str, str], JournalEntry] = {}
    for file in newest:
        if len(found) >= MAX_ENTRIES:
            break
        for entry in session_logs.parsed(ledger.store, file).entries:
            if entry.when and entry.when[:7] <= month and not entry.from_outside:
                found.setdefault((file.project, entry.entry_id), JournalEntry(project=file.project, entry=entry))
    ordered = sorted(found.values(), key=lambda one: (one.entry.when, one.project, one.entry.entry_id))
    return RecentEntries(entries=tuple(ordered[-MAX_ENTRIES:]), cut=len(found) >= MAX_ENTRIES)
