"""Has anybody tampered with what the journal already said?

A log is append-only. Each commit on the branch is compared with each of its parents, merges too, because a merge that
takes one side's file is how journals have been eaten. What is found stays reported until the entry is back as it was,
or until an admin owns up to it: a signed commit whose message has a line `Alters-Log: ENTRY…` (a secret that had to be
taken out, for example). A file in the home folder remembers how far this machine has looked; it may be deleted. The
first look goes back 2,000 commits.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from orchestrator.ledger import session_logs
from orchestrator.ledger.config import fleet_toml
from orchestrator.ledger.scan_state import ScanState
from orchestrator.ledger.session_logs import LogFile
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.policy.authorization import Trust
from orchestrator.policy.journal_rules import ALTERS_LOG_TRAILER, altered_entries
from sync.objects import Commit, find, load_commit
from sync.remote import ObjectStore, Oid

MAX_FIRST_COMMITS = 2000
"""Commits that a machine which has never looked goes back: others have told of what was altered before."""


@dataclass(frozen=True, kw_only=True)
class Alteration:
    """An entry that a commit changed or removed. `digest` is of its words as they were in `before`."""

    entry_id: str
    project: str
    commit: Oid
    before: Oid
    author: str
    digest: str

    @property
    def says(self) -> str:
        """What happened, in words."""
        log = f"{self.project}'s log" if self.project else "the fleet's log"
        return f"commit {self.commit[:10]} by {self.author} changed or removed entry {self.entry_id} of {log}"

    @property
    def remedy(self) -> str:
        """What a person may do."""
        before = f"`git show {self.before[:10]}` has it as it was"
        return f"{before}: put it back, or own up with `{ALTERS_LOG_TRAILER} {self.entry_id}`"


@dataclass(frozen=True, kw_only=True)
class TamperCheck:
    """Watches the logs of the ledger that is called `of`; `path` is its memory."""

    path: Path
    of: str

    def look(self, ledger: LedgerSnapshot, trust: Trust) -> list[Alteration]:
        """What was changed and is not yet put right. Costs nothing while the branch stands still."""
        state = ScanState(path=self.path, of=self.of, key="altered")
        tip, known = state.load(lambda one: Alteration(**one))
        if tip == ledger.tip:
            return known
        every = [
            *_find_alterations(ledger, trust, since=tip),
            *known,
        ]  # the oldest comes last and counts: it had the true words
        found = {(one.entry_id, one.project): one for one in every}
        there = _present_digests(ledger, {project for _, project in found}) if found else set()
        open_ = [one for one in found.values() if (one.project, one.digest) not in there]
        state.save(ledger.tip, [asdict(one) for one in open_])
        return open_


def _find_alterations(ledger: LedgerSnapshot, trust: Trust, *, since: Oid | None) -> Iterator[Alteration]:
    """What the commits that came after `since` changed, the newest first."""
    store, waiting, seen = ledger.store, [ledger.tip], {since}
    files = _LogFiles(store)
    while waiting and (since is not None or len(seen) <= MAX_FIRST_COMMITS):
        oid = waiting.pop()
        if oid in seen:
            continue
        seen.add(oid)
        if since is not None and store.descends(since, oid):
            continue
        commit = load_commit(store, oid)
        owned = _acknowledged_entries(ledger, trust, oid, commit)
        for before in commit.parents:
            tree = load_commit(store, before).tree
            if find(store, tree, fleet_toml.PATH) is None:
                continue  # before this repository was a ledger
            waiting.append(before)
            for entry_id, project, digest in _lost_entries(store, files.of(tree), files.of(commit.tree)):
                if entry_id not in owned:
                    yield Alteration(
                        entry_id=entry_id,
                        project=project,
                        commit=oid,
                        before=before,
                        author=commit.author,
                        digest=digest,
                    )


def _acknowledged_entries(ledger: LedgerSnapshot, trust: Trust, oid: Oid, commit: Commit) -> frozenset[str]:
    """The entries whose change an admin's signed commit names."""
    named = altered_entries(commit)
    principal = trust.signer(ledger, oid) if named else None
    return named if principal and "admin" in principal.roles else frozenset()


def _lost_entries(
    store: ObjectStore, before: Mapping[str, LogFile], after: Mapping[str, LogFile]
) -> Iterator[tuple[str, str, str]]:
    """Entries of the files that changed whose words are nowhere in the same log any more: id, project, digest."""
    changed = [file for path, file in before.items() if path not in after or after[path].oid != file.oid]
    for file in changed:
        now = after.get(file.path)
        if now is not None and _only_appended(session_logs.text(store, file.oid), session_logs.text(store, now.oid)):
            continue
        own = [other for other in after.values() if other.project == file.project]
        kept = {
            (entry.entry_id, session_logs.entry_digest(entry))
            for other in own
            for entry in session_logs.parsed(store, other).entries
        }
        ids = {entry_id for entry_id, _ in kept}
        for entry in session_logs.parsed(store, file).entries:
            aside = any(other.startswith(f"{entry.entry_id}~") for other in ids)  # a merge kept both wordings
            digest = session_logs.entry_digest(entry)
            if (entry.entry_id, digest) not in kept and not aside:
                yield entry.entry_id, file.project, digest


def _only_appended(before: str, after: str) -> bool:
    """Whether plainly nothing but new entries were added; most commits are told by that without parsing a log."""
    added = after[len(before) :] if after.startswith(before) else ""
    return added.lstrip().startswith("## ") and (before.endswith("\n") or added.startswith(("\n", "\r\n")))


def _present_digests(ledger: LedgerSnapshot, projects: set[str]) -> set[tuple[str, str]]:
    pairs = session_logs.entries(ledger.store, ledger.tree)
    return {(file.project, session_logs.entry_digest(entry)) for file, entry in pairs if file.project in projects}


class _LogFiles:
    """The logs of each tree, looked up once."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._known: dict[Oid, dict[str, LogFile]] = {}

    def of(self, tree: Oid) -> dict[str, LogFile]:
        if tree not in self._known:
            if len(self._known) > 256:
                self._known.clear()
            self._known[tree] = {file.path: file for file in session_logs.files(self._store, tree)}
        return self._known[tree]
