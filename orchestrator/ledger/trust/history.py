"""Which changes of the rules that are news in a ledger's history count? docs/trust.md argues for every line of this."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from hashlib import sha256

from orchestrator.ledger.trust.files import PATHS, SIGNERS_PATH, admin_lines, read_text, unusable_reason, versions
from sync.objects import load_commit
from sync.remote import ObjectStore, Oid
from sync.signatures import Verifier, signing_key

Change = dict[Oid, str]
"""A signed commit with the key that it claims, and its copies: other commits in which the same was signed."""


@dataclass(frozen=True, kw_only=True)
class RejectedChange:
    """The commit that left a version on the branch which is not in force, and why it is not."""

    commit: Oid
    why: str


@dataclass(frozen=True, kw_only=True)
class RulesFile:
    """One of the two files. `text` is in force: of the versions that count, the newest that can be used."""

    text: str
    signed: Oid | None
    """The newest version that counts, usable or not: a blob, or None where an admin took the file away."""
    link: Oid
    """The commit that brought it; at first the commit that was trusted."""
    rejected: RejectedChange | None = None


@dataclass(frozen=True, kw_only=True)
class TrustState:
    """Where a machine stands: everything up to `commit` is judged, and these files are in force there."""

    commit: Oid
    files: Mapping[str, RulesFile]


class HistoryWalk:
    """The way from where a machine stands to a newer tip: each signed change is judged once, in its turn."""

    def __init__(self, store: ObjectStore, start: TrustState, tip: Oid) -> None:
        self.store, self.start, self.tip = store, start, tip
        self.files = dict(start.files)
        self.why: dict[tuple[str, Oid], str] = {}
        self.signed, self.admins, self.versions = cache(self._signed), cache(admin_lines), cache(self._versions)

    def go(self) -> TrustState:
        """Follows what counts, and stands at the tip."""
        news = {path: list(self.store.history(self.tip, path, since=self.start.commit)) for path in PATHS}
        self.between = self.store.between(self.tip, self.start.commit) if any(news.values()) else {}
        waiting = self._changes({commit for commits in news.values() for commit in commits})
        while change := self._next(waiting):
            waiting.remove(change)
            self._judge(change)
        return TrustState(commit=self.tip, files={path: self._compared(path, news[path]) for path in PATHS})

    def _changes(self, touched: set[Oid]) -> list[Change]:
        """What may be signed, the oldest first. No merge is among it: `git pull` signs those without a look."""
        found: dict[bytes, Change] = {}
        for commit in reversed([commit for commit in self.between if commit in touched]):
            read = load_commit(self.store, commit)
            key = signing_key(read.signature or "")
            if key and len(read.parents) == 1:
                found.setdefault(sha256(read.payload).digest(), {})[commit] = key
        return list(found.values())

    def _next(self, waiting: list[Change]) -> Change | None:
        """Of the changes that admins in force signed the oldest one on which the most senior admin's was made.

        Seniority is the place in the list. Of one admin's the first is that which has the fewest below it, and of two
        made beside each other the one of which the branch has kept more.
        """
        ready = [change for change in waiting if self._rank(change) is not None]
        if not ready:
            return None
        below, kept = self._below(ready), self.versions(self.tip)

        def turn(change: Change) -> tuple[int, int, int]:
            commit = next(iter(change))
            lost = sum(version != kept[path] for path, version in self.versions(commit).items())
            return self._rank(change) or 0, below[commit].bit_count(), lost

        first = min(ready, key=turn)
        made_on = below[next(iter(first))]
        return next(change for n, change in enumerate(ready) if made_on >> n & 1)

    def _rank(self, change: Change) -> int | None:
        """The place in the list of the admin in force who signed it; None when nobody such did."""
        admins = self.admins(self.files[SIGNERS_PATH].text)
        good = (key for commit, key in change.items() if key in admins and self.signed(commit, admins[key]))
        key = next(good, None)
        return None if key is None else list(admins).index(key)

    def _signed(self, commit: Oid, line: str) -> bool:
        read = load_commit(self.store, commit)
        return Verifier(line).signer(read.payload, read.signature) is not None

    def _versions(self, commit: Oid) -> dict[str, Oid | None]:
        return versions(self.store, commit)

    def _below(self, changes: list[Change]) -> dict[Oid, int]:
        """For each commit, as bits, which of the changes it is or has in its history."""
        bits = {commit: 1 << n for n, change in enumerate(changes) for commit in change}
        below: dict[Oid, int] = {}
        for commit, parents in reversed(self.between.items()):
            below[commit] = bits.get(commit, 0)
            for parent in parents:
                below[commit] |= below.get(parent, 0)
        return below

    def _judge(self, change: Change) -> None:
        """Follows what an admin in force changed, file by file, or notes why not."""
        commit = next(iter(change))
        parent = load_commit(self.store, commit).parents[0]
        before, after = self.versions(parent), self.versions(commit)
        for path in PATHS:
            if before[path] != after[path]:
                why = self._follow(path, commit, before[path], after[path])
                self.why |= {(path, copy): why for copy in change if why}

    def _follow(self, path: str, commit: Oid, before: Oid | None, after: Oid | None) -> str | None:
        """Why an admin's change does not come into force; None when it does."""
        held = self.files[path]
        if not (self._knows(commit, SIGNERS_PATH) and self._knows(commit, path)):
            return "was not made on top of the last change that counts"
        if before != held.signed and read_text(self.store, before) != held.text:
            return "was made on top of a version that no admin has signed"
        text = read_text(self.store, after)
        wrong = unusable_reason(path, text)
        self.files[path] = RulesFile(text=held.text if wrong else text, signed=after, link=commit)
        return f"cannot be used: {wrong}" if wrong else None

    def _knows(self, commit: Oid, path: str) -> bool:
        """Whether the newest version that counts is in a commit's history, by its commit or by a copy of that."""
        link = self.files[path].link
        if self.store.descends(commit, link):
            return True
        said = load_commit(self.store, link)
        beside = self.store.history(commit, path, since=next(iter(said.parents), None))
        return any(load_commit(self.store, other).payload == said.payload for other in beside)

    def _compared(self, path: str, news: list[Oid]) -> RulesFile:
        """The file, with an alarm where the branch has another version than the one in force, and only there."""
        held, version = self.files[path], self.versions(self.tip)[path]
        if read_text(self.store, version) == held.text:
            return replace(held, rejected=None)
        if held.rejected and version == self.versions(self.start.commit)[path]:
            return held
        found = (commit for commit in reversed(news) if self.versions(commit)[path] == version)
        commit = next(found, self.tip)
        merge = len(load_commit(self.store, commit).parents) > 1
        why = "merges what is not in force" if merge else "is not signed by an admin"
        return replace(held, rejected=RejectedChange(commit=commit, why=self.why.get((path, commit), why)))
