"""The handoff's page: what do its four tiers say at one commit, item by item, each with the entries that it cites?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from handoff import briefing
from handoff.secrets.excerpts import redacted_line
from handoff.tiers import Tier, path_of
from orchestrator.core.errors import NotFound
from orchestrator.core.time_text import format_utc
from orchestrator.ledger import session_logs
from orchestrator.ledger.confirmed_text import shown_text
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.workflow.journal.context import CONTEXT_TIERS, FLEET_TIERS
from orchestrator.workflow.journal.entry_places import entry_places, heading
from orchestrator.workflow.journal.known_project import require_project
from orchestrator.workflow.journal.project_list import with_project_list
from sync.objects import load_commit

MAX_COMMITS = 40
"""Commits of the documents that are listed, the newest."""
MAX_LOG_ENTRIES = 20
"""Entries of the log's tier, the newest."""
TITLES = {Tier.PORTFOLIO: "Portfolio", Tier.PROJECT: "Project", Tier.BRIEFING: "Briefing", Tier.LOG: "Log"}
_COMMIT = re.compile(r"[0-9a-f]{40}")


def handoff_page(ledger: LedgerSnapshot, project: str, commit: str = "") -> dict[str, Any]:
    """The tiers as they are, or were at a commit of the branch. Raises NotFound for an unknown project or commit."""
    at = ledger_at(ledger, commit) if commit else ledger
    require_project(ledger, project)
    tiers = [tier for tier in CONTEXT_TIERS if project or tier in FLEET_TIERS]
    return {
        "commit": at.tip,
        "project": project,
        "tiers": [*(_document(at, tier, project) for tier in tiers), _log(at, project)],
        "commits": list(_commits(ledger, project)),
    }


def ledger_at(ledger: LedgerSnapshot, commit: str) -> LedgerSnapshot:
    """The documents as they stood at an earlier commit of the branch. Raises NotFound for any other commit."""
    if not _COMMIT.fullmatch(commit) or not ledger.store.descends(ledger.tip, commit):
        raise NotFound("no such commit on the ledger's branch")
    return replace(ledger, tip=commit, tree=load_commit(ledger.store, commit).tree)


def _document(ledger: LedgerSnapshot, tier: Tier, project: str) -> dict[str, Any]:
    path = path_of(tier, project)
    text = shown_text(ledger, path)
    shown = with_project_list(text, ledger.charter.projects) if tier is Tier.PORTFOLIO else text
    items = briefing.parse(shown)
    places = entry_places(ledger.store, ledger.tree, frozenset(cite for item in items for cite in item.cites))
    told, line = [], 1
    for item in items:
        cites = [_cite(cite, places) for cite in item.cites]
        facts = {"text": item.text, "section": item.section, "heading": not item.item_id, "standing": item.standing}
        told.append(facts | {"line": line, "cites": cites})
        line += item.raw.count("\n")
    return _tier(tier, path, shown, told)


def _log(ledger: LedgerSnapshot, project: str) -> dict[str, Any]:
    """The newest entries of the project's log, each citing itself."""
    newest = session_logs.newest(ledger, project, MAX_LOG_ENTRIES)
    places = entry_places(ledger.store, ledger.tree, frozenset(entry.entry_id for _, entry in newest))
    told = [
        {
            "text": heading(entry),
            "section": entry.when,
            "heading": False,
            "standing": False,
            "line": places.get(entry.entry_id, ("", 0))[1],
            "cites": [_cite(entry.entry_id, places)],
        }
        for _, entry in newest
    ]
    text = "\n\n".join(entry.raw.strip() for _, entry in newest)
    return _tier(Tier.LOG, path_of(Tier.LOG, project), text, told)


def _tier(tier: Tier, path: str, text: str, items: list[dict[str, Any]]) -> dict[str, Any]:
    return {"tier": tier.value, "title": TITLES[tier], "path": path, "text": text, "items": items}


def _cite(entry: str, places: dict[str, tuple[str, int]]) -> dict[str, Any]:
    path, line = places.get(entry, ("", 0))
    return {"entry": entry, "path": path, "line": line or None}


def _commits(ledger: LedgerSnapshot, project: str) -> Iterator[dict[str, str]]:
    """The commits that changed these documents, the newest first."""
    paths = [f"projects/{project}"] if project else [path_of(Tier.LOG), "log"]
    found = {}
    for path in (path_of(Tier.PORTFOLIO), *paths):
        for oid in islice(ledger.store.history(ledger.tip, path), MAX_COMMITS):
            found[oid] = load_commit(ledger.store, oid)
    newest = sorted(found.items(), key=lambda pair: -pair[1].committed)[:MAX_COMMITS]
    for oid, commit in newest:
        when = format_utc(datetime.fromtimestamp(commit.committed, UTC))
        yield {"commit": oid, "when": when, "says": redacted_line(commit.message.strip().partition("\n")[0], 200)}
