"""Which items of its briefing was each attempt of a project given, and what became of it? So that harm can be told.

What an instance was given is not recorded word for word: it is taken to be the briefing of the newest commit before the
attempt began. Two machines' clocks are compared for that; a statistic rests on it and nothing else.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from itertools import islice

from handoff import briefing
from handoff.entry import Entry
from handoff.mined.harmful_items import GivenAttempt, HarmfulItem, harmful_items, item_words
from handoff.statements import own_words
from handoff.tiers import Tier, path_of
from handoff.warnings.heard_warnings import heard_in
from missions.mission import Mission
from orchestrator.core.time_text import format_utc
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.workflow.continuity.recent_entries import recent_entries
from orchestrator.workflow.continuity.repeated_failures import MAX_BLOCKER_CHARS, attempt_began
from sync.objects import FILE, find, load_commit

MAX_VERSIONS = 200
"""Versions of a briefing that are looked at, the newest; what an attempt before them was given is not known, and it is
left out."""
MAX_ATTEMPTS = 500
"""Attempts of a project that are looked at, the newest."""
MAX_FAILURE_LINES = 20
MAX_BRIEFING_BYTES = 1024 * 1024


def harmful_in(ledger: LedgerSnapshot, project: str) -> list[HarmfulItem]:
    """The items of a project's briefing that hurt, as the whole journal has it now."""
    path = path_of(Tier.BRIEFING, project)
    text = ledger.text(path) if path else ""
    items = [item for item in briefing.parse(text) if item.item_id]
    return harmful_items(items, _attempts(ledger, project, path)) if items else []


def _attempts(ledger: LedgerSnapshot, project: str, path: str) -> list[GivenAttempt]:
    month = f"{datetime.fromtimestamp(load_commit(ledger.store, ledger.tip).committed, UTC):%Y-%m}"
    written = [one.entry for one in recent_entries(ledger, month, project).entries if one.project == project]
    attempts = [entry for entry in written if entry.is_attempt][-MAX_ATTEMPTS:]
    versions = _versions(ledger, path)
    begins = [when for when, _ in versions]
    missions = _missions(ledger, attempts)
    found = []
    for entry in attempts:
        place = bisect_right(begins, attempt_began(entry, missions.get(entry.mission)))
        if place == 0 and len(versions) == MAX_VERSIONS:
            continue
        failures = own_words(entry.section("Blockers"))[:MAX_BLOCKER_CHARS].splitlines()[:MAX_FAILURE_LINES]
        given = versions[place - 1][1] if place else frozenset()
        heard = tuple(heard_in(entry))
        found.append(GivenAttempt(mission=entry.mission, given=given, failures=tuple(failures), heard=heard))
    return found


def _missions(ledger: LedgerSnapshot, attempts: list[Entry]) -> Mapping[str, Mission]:
    filed = {name: ledger.open.get(name) or ledger.archived(name) for name in {entry.mission for entry in attempts}}
    return {name: one.mission for name, one in filed.items() if one is not None}


def _versions(ledger: LedgerSnapshot, path: str) -> list[tuple[str, frozenset[str]]]:
    """Since when the briefing had which items, the oldest first."""

    @cache
    def items(blob: str) -> frozenset[str]:
        text = ledger.store.get(blob, MAX_BRIEFING_BYTES).decode("utf-8", "replace")
        return frozenset(item_words(item.text) for item in briefing.parse(text) if item.item_id and not item.awaits)

    found = []
    for oid in islice(ledger.store.history(ledger.tip, path), MAX_VERSIONS):
        commit = load_commit(ledger.store, oid)
        entry = find(ledger.store, commit.tree, path)
        shown = items(entry.oid) if entry is not None and entry.mode == FILE else frozenset()
        found.append((format_utc(datetime.fromtimestamp(commit.committed, UTC)), shown))
    return sorted(found, key=lambda one: one[0])
