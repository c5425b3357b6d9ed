"""An audit of what nodes write: has one changed on the branch what no node may change?

A served ledger refuses such a push (`git_server`); any other Git server takes it in. So every node reads what came new
by the same rules, and tells. Nothing is undone: a commit can be reverted by a person, and what runs and whose word
counts is guarded elsewhere (`policy/authorization`, `ledger/trust`). A file in the home folder remembers how far this
machine has looked and what it found; delete it when that is settled.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestrator.ledger.scan_state import ScanState
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.policy.authorization import Trust
from orchestrator.policy.write_rules import Actor, PathChange, check_path_changes
from sync.objects import EXECUTABLE, FILE, FOLDER, TreeEntry, load_commit, load_tree
from sync.remote import ObjectStore, Oid
from sync.signatures import signing_key

MAX_COMMITS = 2000
"""Commits that one look reads at most; of more it tells that it did not read them."""


@dataclass(frozen=True, kw_only=True)
class WriteAudit:
    """Looks at the branch of the ledger that is called `of`; `path` is its memory."""

    path: Path
    of: str

    def look(self, ledger: LedgerSnapshot, trust: Trust) -> list[str]:
        """What nodes did that they may not, in words. Costs nothing while the branch stands still."""
        state = ScanState(path=self.path, of=self.of, key="found")
        since, found = state.load(str)
        if since == ledger.tip:
            return found
        if since is not None:
            found = [*found, *_violations(ledger, trust, since)]
        state.save(ledger.tip, found)
        return found


def _violations(ledger: LedgerSnapshot, trust: Trust, since: Oid) -> Iterator[str]:
    new = ledger.store.between(ledger.tip, since)
    if len(new) > MAX_COMMITS:
        yield f"{len(new) - MAX_COMMITS} commits after {since[:10]} were too many to look at for what nodes may not do"
    for commit in reversed(list(new)[:MAX_COMMITS]):
        why = _violation(ledger, trust, commit, new[commit])
        if why:
            yield f"commit {commit[:10]}: {why}; `git revert` takes it back"


def _violation(ledger: LedgerSnapshot, trust: Trust, commit: Oid, parents: tuple[Oid, ...]) -> str:
    """Why a node may not have made this commit. Its signature is only checked if there is something to accuse it of."""
    read = load_commit(ledger.store, commit)
    principal = trust.verifier(ledger).principals.get(signing_key(read.signature or "") or "")
    who = Actor(name=principal.name, roles=principal.roles) if principal else Actor()
    if not who.node:
        return ""
    if len(parents) > 1:
        why = f"{who.name} (a node) may not merge"
    else:
        before = load_commit(ledger.store, parents[0]).tree if parents else None
        why = check_path_changes(who, list(tree_changes(ledger.store, before, read.tree)), ledger.store.get)
    return why if why and trust.signer(ledger, commit) is not None else ""


def tree_changes(store: ObjectStore, old: Oid | None, new: Oid | None, under: str = "") -> Iterator[PathChange]:
    """What differs between two trees, file by file. Folders that are the same are not read."""
    before, after = _entries(store, old), _entries(store, new)
    for name in sorted(before.keys() | after.keys()):
        was, now = before.get(name), after.get(name)
        if was == now:
            continue
        folders = [entry.oid if entry and entry.mode == FOLDER else None for entry in (was, now)]
        if any(folders):
            yield from tree_changes(store, folders[0], folders[1], f"{under}{name}/")
        files = [entry if entry and entry.mode != FOLDER else None for entry in (was, now)]
        if any(files):
            yield _path_change(f"{under}{name}", files[0], files[1])


def _path_change(path: str, was: TreeEntry | None, now: TreeEntry | None) -> PathChange:
    plain = now is None or now.mode in (FILE, EXECUTABLE)
    return PathChange(path=path, old=was.oid if was else None, new=now.oid if now else None, plain=plain)


def _entries(store: ObjectStore, tree: Oid | None) -> Mapping[str, TreeEntry]:
    return load_tree(store, tree) if tree else {}
