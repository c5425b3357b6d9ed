"""Which version of `allowed_signers` and `fleet.toml` counts?

Whoever may push could write their own key into `allowed_signers`. So a node remembers the commit at which it first
trusted the ledger (trust on first use, at `init` and `join`), and follows later changes of these two files only if an
admin of the version before signed them. What is not followed is reported, and the version before stays in force.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from orchestrator import charter
from orchestrator.charter import Charter
from orchestrator.errors import BrokenLedger
from sync.objects import find, read_commit
from sync.remote import Oid, Store
from sync.signatures import Verifier

SIGNERS = "allowed_signers"


@dataclass(frozen=True, kw_only=True)
class InForce:
    """What counts at one tip, and what was left out of it, in words."""

    signers: str
    charter: Charter
    alarms: tuple[str, ...] = ()


@dataclass
class Constitution:
    """Follows the two files from the pinned commit on. `pin` gives the anchor; the first tip it sees becomes it."""

    store: Store
    pin: Callable[[Oid], Oid]
    _last: tuple[Oid, InForce] | None = None

    def in_force(self, tip: Oid) -> InForce:
        """What counts at `tip`. Raises BrokenLedger when there is no usable `fleet.toml` at all."""
        if self._last is None or not self._untouched_since(self._last[0], tip):
            self._last = (tip, self._follow(tip))  # a rare change costs one walk
        self._last = (tip, self._last[1])
        return self._last[1]

    def _untouched_since(self, seen: Oid, tip: Oid, roof: int = 500) -> bool:
        """Whether every commit since `seen` left both files alone. Comparing the two ends would not do: what an admin
        changed, somebody else may have put back before we looked."""
        for _ in range(roof):
            if tip == seen:
                return True
            parents = read_commit(self.store.get(tip)).parents
            if len(parents) != 1 or self._both(tip) != self._both(parents[0]):
                return False
            tip = parents[0]
        return False

    def _both(self, commit: Oid) -> tuple[Oid | None, Oid | None]:
        tree = read_commit(self.store.get(commit)).tree
        return self._blob(tree, SIGNERS), self._blob(tree, charter.PATH)

    def _follow(self, tip: Oid) -> InForce:
        anchor = self.pin(tip)
        signers, alarms = self._signers(tip, anchor)
        verifier = Verifier(signers)
        refused: dict[Oid, str] = {}
        for commit in self.store.history(tip, charter.PATH):
            if not (self.store.descends(anchor, commit) or self._by_admin(commit, verifier)):
                refused[commit] = "is not signed by an admin"
                continue
            data = self._content(commit, charter.PATH)
            try:
                found = charter.read(data)
            except BrokenLedger as error:
                refused[commit] = f"cannot be used: {error}"
                continue
            told = [
                _alarm(charter.PATH, c, why) for c, why in refused.items() if self._content(c, charter.PATH) != data
            ]
            return InForce(signers=signers, charter=found, alarms=(*alarms, *told))
        raise BrokenLedger("; ".join(_alarm(charter.PATH, c, why) for c, why in refused.items()) or MISSING)

    def _signers(self, tip: Oid, anchor: Oid) -> tuple[str, tuple[str, ...]]:
        """The signers in force, following admins' changes one by one from the anchor's version."""
        since = [c for c in self.store.history(tip, SIGNERS) if not self.store.descends(anchor, c)]
        text = self._text(anchor)
        refused = []
        for commit in reversed(since):
            if self._by_admin(commit, Verifier(text)):
                text = self._text(commit)
            else:
                refused.append(commit)
        told = [_alarm(SIGNERS, c, "is not signed by an admin") for c in refused if self._text(c) != text]
        return text, tuple(told)

    def _text(self, commit: Oid) -> str:
        return (self._content(commit, SIGNERS) or b"").decode("utf-8", "replace")

    def _by_admin(self, commit: Oid, verifier: Verifier) -> bool:
        read = read_commit(self.store.get(commit))
        principal = verifier.signer(read.payload, read.signature)
        return principal is not None and "admin" in principal.roles

    def _content(self, commit: Oid, path: str) -> bytes | None:
        blob = self._blob(read_commit(self.store.get(commit)).tree, path)
        return self.store.get(blob) if blob else None

    def _blob(self, tree: Oid, path: str) -> Oid | None:
        entry = find(self.store, tree, path)
        return entry.oid if entry else None


MISSING = f"{charter.PATH} is missing on the ledger's branch: run `shiftbook init` in a clone of it"


def _alarm(path: str, commit: Oid, why: str) -> str:
    return f"{path}: commit {commit[:10]} {why}; the version before stays"
