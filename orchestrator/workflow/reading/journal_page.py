"""The journal's pages: which entries and which memos come next?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from itertools import islice
from typing import Any

from handoff.memo import render_memo
from orchestrator.core.errors import NotFound
from orchestrator.ledger import session_logs
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.workflow.journal.entry_places import entry_json
from orchestrator.workflow.journal.known_project import require_project
from orchestrator.workflow.journal.memos import MemoFile
from orchestrator.workflow.journal.search_index import SearchHit
from orchestrator.workflow.reading.paging import read_cursor, write_cursor

_KEY = (str, str, int)
MAX_PASSED = 1_000_000
"""Entries before a page, at most; a cursor that says more is of somebody else's making."""


def log_page(ledger: LedgerSnapshot, *, project: str | None = None, after: str = "", limit: int = 50) -> dict[str, Any]:
    """Entries, the newest first. Raises NotFound for an unknown project, WrongSetting for a wrong cursor."""
    if project:
        require_project(ledger, project)
    begun = read_cursor(after, _KEY)
    passed = min(MAX_PASSED, max(0, int(begun[2]))) if begun else 0
    found = session_logs.newest(ledger, project, passed + limit + 1)
    rest = [pair for pair in found if begun is None or (pair[1].when, pair[1].entry_id) < begun[:2]]
    rest.sort(key=lambda pair: (pair[1].when, pair[1].entry_id), reverse=True)
    shown = rest[:limit]
    more = len(rest) > limit
    last = shown[-1][1] if shown and more else None
    cursor = write_cursor((last.when, last.entry_id, passed + limit)) if last else None
    return {"items": [entry_json(ledger.store, *pair) for pair in shown], "next": cursor, "tip": ledger.tip}


def found_entries(ledger: LedgerSnapshot, hits: Sequence[SearchHit]) -> dict[str, Any]:
    """The entries that a search found, the best first, each with the lines that were found as `found`."""
    wanted: dict[str, list[str]] = {}
    for hit in hits:
        if not hit.neighbour:
            wanted.setdefault(hit.entry_id, []).append(hit.text)
    files = {hit.path for hit in hits}
    every = {
        entry.entry_id: (file, entry)
        for file in session_logs.files(ledger.store, ledger.tree)
        if file.path in files
        for entry in session_logs.parsed(ledger.store, file).entries
    }
    items = [
        entry_json(ledger.store, *every[ident]) | {"found": texts} for ident, texts in wanted.items() if ident in every
    ]
    return {"items": items, "next": None, "tip": ledger.tip}


def memo_json(filed: MemoFile) -> dict[str, Any]:
    """A memo as `memo list --json` prints it."""
    return asdict(filed.memo) | {"path": filed.path, "project": filed.project}


def memo_page(
    newest: Callable[[str | None], Iterable[MemoFile]], *, project: str | None, after: str, limit: int
) -> dict[str, Any]:
    """Memos, the newest first. Raises WrongSetting for a wrong cursor."""
    begun = read_cursor(after, (str, str))
    behind = (one for one in newest(project) if begun is None or (one.memo.created, one.memo.memo_id) < begun)
    found = list(islice(behind, limit + 1))
    last = found[limit - 1].memo if len(found) > limit else None
    cursor = write_cursor((last.created, last.memo_id)) if last else None
    return {"items": [memo_json(one) for one in found[:limit]], "next": cursor}


def whole_memo(found: object) -> dict[str, Any]:
    """One memo with its text. Raises NotFound for what is none."""
    if not isinstance(found, MemoFile):
        raise NotFound("this is a lesson, not a memo: `shiftbook memo show` shows lessons")
    return memo_json(found) | {"text": render_memo(found.memo)}
