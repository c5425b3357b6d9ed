"""Who asked for this, and may they?

A mission runs only if whoever last changed what it asks for may file missions. Nodes change their own fields in the
same file, so the search goes back through the file's history to the last commit that changed the person's part.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from missions import document
from orchestrator.ledger import Filed, Ledger
from sync.objects import find, read_commit
from sync.remote import Oid, Store
from sync.signatures import Principal, Verifier

MAY_FILE = frozenset({"author", "admin"})


@dataclass(frozen=True, kw_only=True)
class Word:
    """Whether a mission may run, and on whose word."""

    trusted: bool
    who: str
    why: str


@dataclass
class Trust:
    """Judges missions of one ledger; remembers its verdicts while file and signers stay the same."""

    store: Store
    _verifier: Verifier = field(default_factory=lambda: Verifier(""))
    _words: dict[tuple[str, Oid], Word] = field(default_factory=dict)

    def verifier(self, ledger: Ledger) -> Verifier:
        """Checks signatures against the ledger's `allowed_signers` as they are now: a key taken out counts no more."""
        if self._verifier.text != ledger.signers:
            self._verifier = Verifier(ledger.signers)
            self._words = {}
        return self._verifier

    def signer(self, ledger: Ledger, commit: Oid) -> Principal | None:
        """Who signed a commit, if it is somebody listed."""
        read = read_commit(self.store.get(commit))
        return self.verifier(ledger).signer(read.payload, read.signature)

    def word(self, ledger: Ledger, filed: Filed) -> Word:
        """Whether this mission may run."""
        if ledger.charter.trust.missions == "remote":
            return Word(trusted=True, who="", why="fleet.toml trusts whoever may push (trust.missions = remote)")
        self.verifier(ledger)
        key = (filed.path, filed.blob)
        if key not in self._words:
            self._words[key] = self._judge(ledger, filed)
        return self._words[key]

    def forget_others(self, ledger: Ledger) -> None:
        """Drops verdicts on files that are not on the branch now, so that one put back later is judged anew."""
        present = {(filed.path, filed.blob) for filed in ledger.open.values()}
        self._words = {key: word for key, word in self._words.items() if key in present}

    def _judge(self, ledger: Ledger, filed: Filed) -> Word:
        commit = self._last_change(ledger.tip, filed.path)
        if commit is None:
            return Word(trusted=False, who="", why="no commit that wrote it was found")
        author = read_commit(self.store.get(commit)).author
        principal = self.signer(ledger, commit)
        if principal is None:
            why = f"commit {commit[:10]} by {author} is not signed by a key in allowed_signers"
            return Word(trusted=False, who=author, why=why)
        if not principal.roles & MAY_FILE:
            why = (
                f"{principal.name}, who signed commit {commit[:10]}, may not file missions (role=author or role=admin)"
            )
            return Word(trusted=False, who=principal.name, why=why)
        return Word(trusted=True, who=principal.name, why=f"signed by {principal.name} in commit {commit[:10]}")

    def _last_change(self, tip: Oid, path: str) -> Oid | None:
        """The newest commit that changed what the person asks for at `path`.

        A merge that keeps the newest of its sides changes nothing; one that brings an older text back does.
        """
        wanted, merge = self._essence(tip, path), None
        for commit in self.store.history(tip, path):
            mine, parents = self._essence(commit, path), read_commit(self.store.get(commit)).parents
            if mine is None or mine not in [self._essence(parent, path) for parent in parents]:
                return commit if mine == wanted else merge
            if len(parents) > 1 and mine == wanted:
                merge = merge or commit
        return None

    def _essence(self, commit: Oid, path: str) -> str | None:
        entry = find(self.store, read_commit(self.store.get(commit)).tree, path)
        return document.essence(self.store.get(entry.oid)) if entry else None
