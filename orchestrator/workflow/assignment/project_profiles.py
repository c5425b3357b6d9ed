"""What does the ledger tell of each project, so that a request can be matched with one?

Names come from `fleet.toml`, words from tiers 1 and 2, paths and names in code from tier 3 and the newest log entries,
too. Everybody who reads the same ledger comes to the same verdict.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from handoff.tiers import Tier, path_of
from orchestrator.ledger import session_logs
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.workflow.assignment.project_match import ProjectMatch, match_text
from orchestrator.workflow.assignment.project_profile import ProjectProfile, build_profile, portfolio_items_about
from orchestrator.workflow.assignment.words import MAX_TEXT_CHARS
from sync.objects import find

MAX_PROFILES = 64
"""Profiles that are remembered; documents never change, so neither does what they mean."""
MAX_VERSIONS = 4
"""Versions of the branch whose profiles are at hand as a whole."""
_profile_by_content: dict[tuple[object, ...], ProjectProfile] = {}
_profiles_by_version: dict[tuple[object, ...], tuple[ProjectProfile, ...]] = {}


def project_profiles(ledger: LedgerSnapshot) -> tuple[ProjectProfile, ...]:
    """Every project of the fleet. What was made of one version of the branch is made once."""
    projects = sorted(ledger.charter.projects.items())
    key = (ledger.tree, *((name, part.url, tuple(part.aliases)) for name, part in projects))
    made = _profiles_by_version.get(key)
    if made is None:
        made = _profiles_by_version[key] = tuple(_cached_profile(ledger, name) for name, _ in projects)
        _evict_oldest(_profiles_by_version, MAX_VERSIONS)
    return made


def find_project(ledger: LedgerSnapshot, text: str, *, needs: bool = False, scope: Iterable[str] = ()) -> ProjectMatch:
    """Which project a request means; see `match`."""
    if not ledger.charter.projects:
        return ProjectMatch()
    return match_text(text[:MAX_TEXT_CHARS], project_profiles(ledger), needs=needs, scope=tuple(scope))


def _cached_profile(ledger: LedgerSnapshot, name: str) -> ProjectProfile:
    part = ledger.charter.projects[name]
    tiers = [path_of(tier, name) for tier in (Tier.PORTFOLIO, Tier.PROJECT, Tier.BRIEFING, Tier.LOG)]
    entries = [find(ledger.store, ledger.tree, path) for path in tiers]
    key = (name, part.url, tuple(part.aliases), *(entry.oid if entry else "" for entry in entries))
    made = _profile_by_content.get(key)
    if made is None:
        made = _profile_by_content[key] = _read_profile(ledger, name)
        _evict_oldest(_profile_by_content, MAX_PROFILES)
    return made


def _evict_oldest(kept: dict[tuple[object, ...], Any], most: int) -> None:
    """Lets go of the oldest. Several threads may look things up at once."""
    for old in list(kept)[:-most]:
        kept.pop(old, None)


def _read_profile(ledger: LedgerSnapshot, name: str) -> ProjectProfile:
    part = ledger.charter.projects[name]
    plain = build_profile(name, part.url, part.aliases)
    portfolio = portfolio_items_about(ledger.text(path_of(Tier.PORTFOLIO)), plain.forms)
    code = [
        ledger.text(path_of(Tier.BRIEFING, name)),
        *(entry.raw for entry in session_logs.recent(ledger, name).entries),
    ]
    documents = [portfolio, ledger.text(path_of(Tier.PROJECT, name))]
    return build_profile(name, part.url, part.aliases, documents=documents, code=code)
