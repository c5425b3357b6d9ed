"""Who said that a mission is done: a person who may, or only a line that somebody wrote into the file?

Nodes write the same fields, so a field alone proves nothing. What counts is who signed the commit in which the decision
came into the file.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from missions.mission import Mission, Status
from orchestrator.ledger.archive import read_mission
from orchestrator.ledger.snapshot import LedgerSnapshot
from sync.objects import EXECUTABLE, FILE, find, load_commit
from sync.remote import Oid
from sync.signatures import Principal

FindSigner = Callable[[Oid], Principal | None]
"""Who signed a commit, if it is somebody listed."""

DECIDING_ROLES = frozenset({"author", "admin"})
MAX_COMMITS = 50
"""Commits of one file that are asked; a decision that lies further back counts as nobody's."""


@dataclass(frozen=True, kw_only=True)
class Decision:
    """A decision as it came into a mission's file. `by` is empty where nobody who may decide has signed it."""

    by: str
    folded: bool
    """Whether a node, or somebody who may decide, has signed it: policy's word comes with a fold."""
    commit: Oid
    mission: Mission
    committed: int
    """When, in seconds since 1970, by the clock of whoever committed."""


def find_decision(ledger: LedgerSnapshot, path: str, signer: FindSigner | None) -> Decision | None:
    """The newest decision in a file's history; None if there is none. Without a `signer` whoever commits may decide."""
    for number, commit in enumerate(ledger.store.history(ledger.tip, path)):
        if number == MAX_COMMITS:
            return None
        read = load_commit(ledger.store, commit)
        now = _mission_at(ledger, read.tree, path)
        if now is None:
            continue  # taken away, or broken: what was said before still stands
        before = _mission_at(ledger, load_commit(ledger.store, read.parents[0]).tree, path) if read.parents else None
        if _decision_fields(now) != _decision_fields(before):
            principal = signer(commit) if signer else None
            roles = principal.roles if principal else frozenset[str]()
            by = principal.name if principal and roles & DECIDING_ROLES else ""
            return Decision(
                by=by if signer else read.author,
                folded=signer is None or bool(roles & {*DECIDING_ROLES, "node"}),
                commit=commit,
                mission=now,
                committed=read.committed,
            )
    return None


def _decision_fields(mission: Mission | None) -> tuple[object, ...]:
    return (None, None, None) if mission is None else (mission.status is Status.DONE, mission.decision, mission.decided)


def _mission_at(ledger: LedgerSnapshot, tree: Oid, path: str) -> Mission | None:
    entry = find(ledger.store, tree, path)
    if entry is None or entry.mode not in (FILE, EXECUTABLE):
        return None
    found = read_mission(ledger.store, path, entry.oid)
    return found if isinstance(found, Mission) else None
