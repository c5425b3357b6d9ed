"""Which missions did somebody take away, or change after they were finished? Edits by hand, of which no page tells.

Nothing is wrong with them: a person may. But a mission that is gone leaves no trace in a list, so every node says it
once in its log. A file in the home folder remembers how far this machine has looked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from handoff.secrets.excerpts import redacted_line
from missions.mission import mission_of_file
from missions.one_line import printable
from orchestrator.ledger.archive import ARCHIVE_FOLDER
from orchestrator.ledger.scan_state import ScanState
from orchestrator.ledger.snapshot import MISSIONS, LedgerSnapshot
from orchestrator.policy.authorization import Trust
from orchestrator.policy.write_audit import MAX_COMMITS, tree_changes
from orchestrator.policy.write_rules import PathChange
from sync.objects import Commit, load_commit
from sync.remote import Oid
from sync.signatures import signing_key

MAX_SUBJECT_CHARS = 80
"""Of a commit's first line that are told."""


@dataclass(frozen=True, kw_only=True)
class HandEdits:
    """Looks at the branch of the ledger that is called `of`; `path` is its memory."""

    path: Path
    of: str

    def look(self, ledger: LedgerSnapshot, trust: Trust) -> list[str]:
        """What was taken away or changed since the last look, in words, oldest first; nothing at the first look."""
        state = ScanState(path=self.path, of=self.of, key="edits")
        since, _ = state.load(str)
        if since == ledger.tip:
            return []
        found = list(_edits(ledger, trust, since)) if since is not None else []
        state.save(ledger.tip, ())
        return found


def _edits(ledger: LedgerSnapshot, trust: Trust, since: Oid) -> Iterator[str]:
    new = ledger.store.between(ledger.tip, since)
    for oid in reversed(list(new)[:MAX_COMMITS]):
        if len(new[oid]) == 1:  # what a merge brings was changed in the commits that it joins
            commit = load_commit(ledger.store, oid)
            if not _is_nodes(ledger, trust, commit):
                yield from _edits_of(ledger, oid, commit)


def _is_nodes(ledger: LedgerSnapshot, trust: Trust, commit: Commit) -> bool:
    """Whether a node made it, as its work: of those `WriteAudit` tells what they may not do."""
    principal = trust.verifier(ledger).principals.get(signing_key(commit.signature or "") or "")
    return principal is not None and "node" in principal.roles


def _edits_of(ledger: LedgerSnapshot, oid: Oid, commit: Commit) -> Iterator[str]:
    before = load_commit(ledger.store, commit.parents[0]).tree
    changes = [one for one in tree_changes(ledger.store, before, commit.tree) if one.path.startswith(f"{MISSIONS}/")]
    came = {one.path: one.new for one in changes if one.old is None}
    subject = redacted_line(commit.message.strip().partition("\n")[0], MAX_SUBJECT_CHARS)
    who = f"by {printable(commit.author)} in commit {oid[:10]} “{subject}”"
    for one in changes:
        what = _what_happened(one, came)
        if what:
            yield f"{one.path} was {what} {who}; `git show {oid[:10]}~:{one.path}` has it as it was"


def _what_happened(one: PathChange, came: dict[str, Oid | None]) -> str:
    """In a word; empty for what lists tell anyway: a mission that is open, was renamed, or was archived by hand."""
    path = PurePosixPath(one.path)
    archived = one.path.startswith(f"{ARCHIVE_FOLDER}/")
    name = mission_of_file(path.name)
    if not name or path.name.lower() == "readme.md" or one.old is None:
        return ""
    if one.new is not None:
        return "changed" if archived else ""
    if one.old in came.values() or any(mission_of_file(PurePosixPath(new).name) == name for new in came):
        return ""
    return "deleted"
