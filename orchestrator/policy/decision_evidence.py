"""Who said that a mission is done: a person who may, or only a line that somebody wrote into the file?

Nodes write the same fields, so a field alone proves nothing. What counts is who signed the commit in which the decision
came into the file.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

from missions.mission import Mission, Status, mission_of_file
from orchestrator.ledger.archive import read_mission
from orchestrator.ledger.snapshot import MISSIONS, LedgerSnapshot
from sync.objects import EXECUTABLE, FILE, find, folder_entries, load_commit
from sync.remote import Oid
from sync.signatures import Principal

FindSigner = Callable[[Oid], Principal | None]
"""Who signed a commit, if it is somebody listed."""

MAX_MOVES = 5
"""Commits of an archived file that are asked where it came from: it was archived once, and perhaps moved since."""
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


def open_path(ledger: LedgerSnapshot, name: str, path: str) -> str:
    """Where a mission's file stood before it was archived at `path`: people spell names as they like (`Fix It.md`)."""
    plain = f"{name}.md"
    for commit in islice(ledger.store.history(ledger.tip, path), MAX_MOVES):
        for parent in load_commit(ledger.store, commit).parents:
            tree = load_commit(ledger.store, parent).tree
            before = folder_entries(ledger.store, find(ledger.store, tree, MISSIONS))
            spelled = [file for file in before if mission_of_file(file) == name] if plain not in before else [plain]
            if spelled:
                return f"{MISSIONS}/{min(spelled)}"
    return f"{MISSIONS}/{plain}"


def feedback_doubt(ledger: LedgerSnapshot, path: str, signer: FindSigner | None) -> str:
    """Why what came back from a mission's pull request must not reach its agent, in words; empty where it may.

    A node writes it, so it is no part of the text that its author signed: who wrote it into the file must be listed.
    """
    if signer is None:
        return ""
    wanted = _feedback(_mission_at(ledger, load_commit(ledger.store, ledger.tip).tree, path))
    for commit in islice(ledger.store.history(ledger.tip, path), MAX_COMMITS):
        parents = load_commit(ledger.store, commit).parents
        if wanted not in [_feedback(_mission_at(ledger, load_commit(ledger.store, one).tree, path)) for one in parents]:
            if is_by_the_fleet(signer(commit)):
                return ""
            break
    return f"nobody of this fleet has signed what it says came back from its pull request: `git log -p -- {path}`"


def is_by_the_fleet(signer: Principal | None) -> bool:
    """Whether a node, or somebody who may decide, has signed something."""
    return signer is not None and bool(signer.roles & {*DECIDING_ROLES, "node"})


def _feedback(mission: Mission | None) -> str | None:
    return mission.feedback if mission is not None else None


def _decision_fields(mission: Mission | None) -> tuple[object, ...]:
    return (None, None, None) if mission is None else (mission.status is Status.DONE, mission.decision, mission.decided)


def _mission_at(ledger: LedgerSnapshot, tree: Oid, path: str) -> Mission | None:
    entry = find(ledger.store, tree, path)
    if entry is None or entry.mode not in (FILE, EXECUTABLE):
        return None
    found = read_mission(ledger.store, path, entry.oid)
    return found if isinstance(found, Mission) else None
