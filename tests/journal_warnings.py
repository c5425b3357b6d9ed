"""A journal of a few lines, and what it warns of, for tests of who hears that."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing

from handoff.entry import Entry
from handoff.warnings.warning_index import SaidWarning, add_warnings, warnings_at
from orchestrator.execution.journal_warner import LookUp


def journal_of(*lessons: str, agent: str = "claude", node: str = "desktop") -> list[Entry]:
    """An entry a lesson."""
    return [
        Entry(
            entry_id=f"e{number}",
            when=f"2026-11-{number:02}T08:00:00Z",
            node=node,
            agent=agent,
            sections=(("Lessons", f"- {lesson}"),),
        )
        for number, lesson in enumerate(lessons, 1)
    ]


def look_up_in(entries: Sequence[Entry]) -> LookUp:
    """Looks into these entries."""

    def look_up(action: str, said: Sequence[str], limit: int) -> list[SaidWarning]:
        with closing(sqlite3.connect(":memory:")) as conn:
            add_warnings(conn, entries)
            return warnings_at(conn, action, said=said, limit=limit)

    return look_up
