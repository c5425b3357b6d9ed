"""What does the ledger tell of each project, so that a request can be matched with one?

Names come from `fleet.toml`, words from tiers 1 and 2, paths and names in code from tier 3 and the newest log entries,
too. Everybody who reads the same ledger comes to the same verdict.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from handoff.tiers import Tier, path_of
from orchestrator.ledger import session_logs
from orchestrator.ledger.snapshot import Ledger
from orchestrator.workflow.assignment.project_match import Verdict, match
from orchestrator.workflow.assignment.project_profile import Profile, profile, said_of
from orchestrator.workflow.assignment.words import LONGEST
from sync.objects import find

KEPT = 64
"""Profiles that are remembered; documents never change, so neither does what they mean."""
VERSIONS = 4
"""Versions of the branch whose profiles are at hand as a whole."""
_known: dict[tuple[object, ...], Profile] = {}
_seen: dict[tuple[object, ...], tuple[Profile, ...]] = {}


def profiles(ledger: Ledger) -> tuple[Profile, ...]:
    """Every project of the fleet. What was made of one version of the branch is made once."""
    projects = sorted(ledger.charter.projects.items())
    key = (ledger.tree, *((name, part.url, tuple(part.aliases)) for name, part in projects))
    made = _seen.get(key)
    if made is None:
        made = _seen[key] = tuple(_profile(ledger, name) for name, _ in projects)
        _forget(_seen, VERSIONS)
    return made


def looked_up(ledger: Ledger, text: str, *, needs: bool = False, scope: Iterable[str] = ()) -> Verdict:
    """Which project a request means; see `match`."""
    if not ledger.charter.projects:
        return Verdict()
    return match(text[:LONGEST], profiles(ledger), needs=needs, scope=tuple(scope))


def _profile(ledger: Ledger, name: str) -> Profile:
    part = ledger.charter.projects[name]
    tiers = [path_of(tier, name) for tier in (Tier.PORTFOLIO, Tier.PROJECT, Tier.BRIEFING, Tier.LOG)]
    entries = [find(ledger.store, ledger.tree, path) for path in tiers]
    key = (name, part.url, tuple(part.aliases), *(entry.oid if entry else "" for entry in entries))
    made = _known.get(key)
    if made is None:
        made = _known[key] = _made(ledger, name)
        _forget(_known, KEPT)
    return made


def _forget(kept: dict[tuple[object, ...], Any], most: int) -> None:
    """Lets go of the oldest. Several threads may look things up at once."""
    for old in list(kept)[:-most]:
        kept.pop(old, None)


def _made(ledger: Ledger, name: str) -> Profile:
    part = ledger.charter.projects[name]
    plain = profile(name, part.url, part.aliases)
    portfolio = said_of(ledger.text(path_of(Tier.PORTFOLIO)), plain.forms)
    code = [
        ledger.text(path_of(Tier.BRIEFING, name)),
        *(entry.raw for entry in session_logs.recent(ledger, name).entries),
    ]
    documents = [portfolio, ledger.text(path_of(Tier.PROJECT, name))]
    return profile(name, part.url, part.aliases, documents=documents, code=code)
