"""Which version of `allowed_signers` and `fleet.toml` counts?

Whoever may push could write their own key into `allowed_signers`. So a machine remembers where it stands: a commit, and
what was in force there. At first that is what it finds (trust on first use, at `init` and `join`). From there it
follows changes of the two files one by one, each only if somebody signed it who is an admin *by then*. So a key that
was taken out counts no more, wherever in the history its holder puts a change. What is not followed is reported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Protocol

from orchestrator import charter
from orchestrator.charter import Charter
from orchestrator.errors import BrokenLedger
from orchestrator.succession import by_key, changed
from sync.errors import HistoryRewritten
from sync.objects import find, read_commit
from sync.remote import Oid, Store
from sync.signatures import Verifier

SIGNERS = "allowed_signers"


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """A commit whose change of one of the files is not followed, and why."""

    path: str
    commit: Oid
    why: str

    @property
    def alarm(self) -> str:
        """It in words."""
        return f"{self.path}: commit {self.commit[:10]} {self.why}; the version before stays"


@dataclass(frozen=True, kw_only=True)
class Stand:
    """Where a machine stands: everything up to `commit` is judged, and these two texts are in force there."""

    commit: Oid
    signers: str
    charter: str
    refused: tuple[Refusal, ...] = ()


class Memory(Protocol):
    """What keeps a machine's stand while no process runs."""

    def load(self) -> Stand | None:
        """The stand as it was kept last; None before the first time."""

    def keep(self, stand: Stand, later: Callable[[Oid], bool]) -> None:
        """Keeps a stand, unless what is kept already stands at a commit that `later` does not call an earlier one."""


@dataclass(frozen=True, kw_only=True)
class InForce:
    """What counts at one tip, and what was left out of it, in words."""

    signers: str
    charter: Charter
    alarms: tuple[str, ...] = ()


@dataclass
class Constitution:
    """Follows the two files. `pin` gives the commit at which an empty memory begins."""

    store: Store
    pin: Callable[[Oid], Oid]
    memory: Memory | None = None
    _stand: Stand | None = None
    _told: InForce | None = field(default=None, repr=False)

    def in_force(self, tip: Oid) -> InForce:
        """What counts at `tip`. Raises BrokenLedger when there is no usable `fleet.toml` at all, HistoryRewritten when
        `tip` does not descend from where this machine stands."""
        if self._stand is None or self._told is None or not self._untouched_since(self._stand.commit, tip):
            stand = self._follow(tip)
            self._told = self._tell(stand)
            if self.memory is not None:
                self.memory.keep(stand, lambda kept: self.store.descends(tip, kept))
        else:
            stand = replace(self._stand, commit=tip)
        self._stand = stand
        return self._told

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

    def _follow(self, tip: Oid) -> Stand:
        """The stand at `tip`, a change at a time."""
        stand = self._start(tip)
        if not self.store.descends(tip, stand.commit):
            raise HistoryRewritten("the ledger's branch", stand.commit, tip)
        between = self.store.between(tip, stand.commit)
        touched = {
            commit for path in (SIGNERS, charter.PATH) for commit in self.store.history(tip, path, since=stand.commit)
        }
        walk = _Walk(self, stand, tip)
        for commit in _in_order(between, touched, walk.seniority):
            walk.judge(commit, between[commit])
        return walk.stand()

    def _start(self, tip: Oid) -> Stand:
        """The latest stand of this machine: another process of it may have seen more, and judged by that."""
        kept = self.memory.load() if self.memory is not None else None
        mine = self._stand or kept or self._first(self.pin(tip))
        ahead = kept is not None and self.store.descends(tip, kept.commit)
        return kept if kept and ahead and self.store.descends(kept.commit, mine.commit) else mine

    def _first(self, commit: Oid) -> Stand:
        """What a machine finds when it trusts a ledger for the first time."""
        for found in (commit, *self.store.history(commit, charter.PATH)):
            text = self.text(found, charter.PATH)
            if self.usable(text) is None:
                return Stand(commit=commit, signers=self.text(commit, SIGNERS), charter=text)
        why = self.usable(self.text(commit, charter.PATH))
        return Stand(
            commit=commit,
            signers=self.text(commit, SIGNERS),
            charter="",
            refused=(Refusal(path=charter.PATH, commit=commit, why=f"cannot be used: {why}"),),
        )

    def _tell(self, stand: Stand) -> InForce:
        """A stand as the rest of the node reads it."""
        alarms = tuple(refusal.alarm for refusal in reversed(stand.refused))  # the newest first
        if not stand.charter:
            raise BrokenLedger("; ".join(alarms) or MISSING)
        found = charter.read(stand.charter.encode("utf-8", "surrogateescape"))
        return InForce(signers=stand.signers, charter=found, alarms=alarms)

    # -- what a commit has ---------------------------------------------------------------------------------------

    def usable(self, text: str) -> str | None:
        """Why a text cannot be the charter; None when it can."""
        try:
            charter.read(text.encode("utf-8", "surrogateescape") if text else None)
        except BrokenLedger as error:
            return str(error)
        return None

    def text(self, commit: Oid, path: str) -> str:
        """A file as a commit has it; empty where it has none."""
        blob = self._blob(read_commit(self.store.get(commit)).tree, path)
        data = self.store.get(blob) if blob else b""
        return data.decode("utf-8", "surrogateescape")

    def _blob(self, tree: Oid, path: str) -> Oid | None:
        entry = find(self.store, tree, path)
        return entry.oid if entry else None


class _Walk:
    """One walk from a stand to a tip. Each commit is judged by the keys in force when its turn comes."""

    def __init__(self, of: Constitution, start: Stand, tip: Oid) -> None:
        self.of, self.start, self.tip = of, start, tip
        self.signers, self.verifier = start.signers, Verifier(start.signers)
        self.charters: dict[Oid, str] = {}
        """The admins' versions of fleet.toml that no later one of them builds on, in the order of the walk."""
        self.vouched = {start.charter}
        self.refused = list(start.refused)

    def seniority(self, commit: Oid) -> int:
        """Where the signer stands in the list of those in force. Of two who take each other out at the same time the
        one who was there first wins, on every machine."""
        keys = list(self.verifier.principals)
        signer = self._admin(commit)
        return keys.index(signer) if signer else len(keys)

    def judge(self, commit: Oid, parents: tuple[Oid, ...]) -> None:
        """Follows what this commit changed, or notes why not."""
        admin = self._admin(commit) is not None
        for path, follow in ((SIGNERS, self._succeed), (charter.PATH, self._recharter)):
            before = [self.of.text(parent, path) for parent in parents]
            after = self.of.text(commit, path)
            if after in before or (not before and not after):
                continue
            why = follow(commit, before, after) if admin else "is not signed by an admin"
            if why is None:
                self.refused = [refusal for refusal in self.refused if refusal.path != path]
            else:
                self.refused.append(Refusal(path=path, commit=commit, why=why))

    def stand(self) -> Stand:
        """Where this walk ends."""
        in_force = self._charter()
        tip_signers, tip_charter = self.of.text(self.tip, SIGNERS), self.of.text(self.tip, charter.PATH)
        odd = {SIGNERS: by_key(tip_signers) != by_key(self.signers), charter.PATH: tip_charter != in_force}
        told = [r for r in self.refused if self._differs(r, in_force)]
        silent = [path for path, differs in odd.items() if differs and path not in {r.path for r in told}]
        told += [Refusal(path=path, commit=self.tip, why="brings back what was changed since") for path in silent]
        return Stand(commit=self.tip, signers=self.signers, charter=in_force, refused=tuple(told))

    def _admin(self, commit: Oid) -> str | None:
        """The key of the admin who signed a commit."""
        read = read_commit(self.of.store.get(commit))
        principal = self.verifier.signer(read.payload, read.signature)
        return principal.key if principal is not None and "admin" in principal.roles else None

    def _succeed(self, _commit: Oid, before: list[str], after: str) -> None:
        self.signers = changed(self.signers, before, after)
        self.verifier = Verifier(self.signers)

    def _recharter(self, commit: Oid, before: list[str], after: str) -> str | None:
        if len(before) > 1 and not self.vouched.issuperset(before):
            return "merges what no admin has signed"
        why = self.of.usable(after)
        if why is not None:
            return f"cannot be used: {why}"
        self.charters = {c: text for c, text in self.charters.items() if not self.of.store.descends(commit, c)}
        self.charters[commit] = after
        self.vouched.add(after)
        return None

    def _charter(self) -> str:
        """Of several versions that admins made beside each other the one that was merged, else the last."""
        merged = self.of.text(self.tip, charter.PATH)
        found = list(self.charters.values())
        return merged if merged in found else found[-1] if found else self.start.charter

    def _differs(self, refusal: Refusal, in_force: str) -> bool:
        said = self.of.text(refusal.commit, refusal.path)
        return by_key(said) != by_key(self.signers) if refusal.path == SIGNERS else said != in_force


def _in_order(
    between: dict[Oid, tuple[Oid, ...]], touched: set[Oid], seniority: Callable[[Oid], int]
) -> Iterator[Oid]:
    """The commits of `touched`, each after those that it builds on; beside each other, the more senior signer first.

    `between` has every commit after its children. Asked for the next one only when the one before is judged.
    """
    below: dict[Oid, frozenset[Oid]] = {}
    for commit, parents in reversed(between.items()):
        found = [below[parent] | ({parent} & touched) for parent in parents if parent in below]
        below[commit] = frozenset().union(*found)
    waiting = sorted(touched & between.keys())
    done: set[Oid] = set()
    while waiting:
        ready = [commit for commit in waiting if below[commit] <= done]
        commit = min(ready, key=seniority)
        waiting.remove(commit)
        done.add(commit)
        yield commit


MISSING = f"{charter.PATH} is missing on the ledger's branch: run `shiftbook init` in a clone of it"
