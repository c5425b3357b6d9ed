"""Which version of `allowed_signers` and `fleet.toml` counts?

Whoever may push could write their own key into `allowed_signers`. So a machine remembers where it stands: a commit, and
what was in force there. At first that is what it finds (trust on first use, at `init` and `join`). From there it
follows changes of the two files one by one, each only if somebody signed it who is an admin *by then*. So a key that
was taken out counts no more, wherever in the history its holder puts a change. What is not followed is reported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Protocol

from orchestrator.core.errors import BrokenLedger
from orchestrator.ledger.config import fleet_toml
from orchestrator.ledger.config.fleet_toml import FleetConfig
from orchestrator.ledger.trust_history import (
    apply_signers_change,
    foreign_commits,
    in_judging_order,
    signed_by_admins,
    signer_lines_by_key,
)
from sync.errors import HistoryRewritten
from sync.objects import EXECUTABLE, FILE, Commit, find, read_commit
from sync.remote import ObjectStore, Oid
from sync.signatures import read_signers

SIGNERS_PATH = "allowed_signers"
MAX_REPORTED_CHANGES = 10
"""Refused changes of one file that are told at a time."""
MAX_VOUCHED_DIGESTS = 50
"""Versions of fleet.toml whose digests a machine keeps."""


@dataclass(frozen=True, kw_only=True)
class RejectedChange:
    """A commit whose change of one of the files is not followed, and why."""

    path: str
    commit: Oid
    why: str

    @property
    def alarm(self) -> str:
        """It in words."""
        return f"{self.path}: commit {self.commit[:10]} {self.why}; the version before stays"


@dataclass(frozen=True, kw_only=True)
class TrustState:
    """Where a machine stands: everything up to `commit` is judged, and these two texts are in force there."""

    commit: Oid
    signers: str
    charter: str
    refused: tuple[RejectedChange, ...] = ()
    vouched: tuple[str, ...] = ()
    """Digests of the newest versions of fleet.toml that were ever in force: an admin's merge may build on them."""


class TrustStateStore(Protocol):
    """What keeps a machine's stand while no process runs."""

    def load(self) -> TrustState | None:
        """The stand as it was kept last; None before the first time."""

    def keep(self, stand: TrustState, later: Callable[[Oid], bool]) -> None:
        """Keeps a stand, unless what is kept already stands at a commit that `later` does not call an earlier one."""


@dataclass(frozen=True, kw_only=True)
class EffectiveRules:
    """What counts at one tip, and what was left out of it, in words."""

    signers: str
    charter: FleetConfig
    alarms: tuple[str, ...] = ()


@dataclass
class TrustRoot:
    """Follows the two files. `pin` gives the commit at which an empty memory begins."""

    store: ObjectStore
    pin: Callable[[Oid], Oid]
    memory: TrustStateStore | None = None
    _stand: TrustState | None = None
    _told: EffectiveRules | None = field(default=None, repr=False)

    def in_force(self, tip: Oid) -> EffectiveRules:
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
            if len(parents) != 1 or self._tracked_blobs(tip) != self._tracked_blobs(parents[0]):
                return False
            tip = parents[0]
        return False

    def _tracked_blobs(self, commit: Oid) -> tuple[Oid | None, Oid | None]:
        tree = read_commit(self.store.get(commit)).tree
        return self._blob(tree, SIGNERS_PATH), self._blob(tree, fleet_toml.PATH)

    def _follow(self, tip: Oid) -> TrustState:
        """The stand at `tip`, a change at a time."""
        stand = self._start(tip)
        if self.store.descends(tip, stand.commit):
            return _HistoryWalk(self, stand, tip).go()
        if self.store.descends(stand.commit, tip):
            return stand  # another process of this machine has seen more; its judgement holds for what was before, too
        raise HistoryRewritten("the ledger's branch", stand.commit, tip)

    def _start(self, tip: Oid) -> TrustState:
        """The latest stand of this machine: another process of it may have seen more, and judged by that."""
        kept = self.memory.load() if self.memory is not None else None
        mine = self._stand or kept or self._first(self.pin(tip))
        ahead = kept is not None and self.store.descends(tip, kept.commit)
        return kept if kept and ahead and self.store.descends(kept.commit, mine.commit) else mine

    def _first(self, commit: Oid) -> TrustState:
        """What a machine finds when it trusts a ledger for the first time."""
        for found in (commit, *self.store.history(commit, fleet_toml.PATH)):
            text = self.text(found, fleet_toml.PATH)
            if self.unusable_reason(text) is None:
                return TrustState(commit=commit, signers=self.text(commit, SIGNERS_PATH), charter=text)
        why = self.unusable_reason(self.text(commit, fleet_toml.PATH))
        return TrustState(
            commit=commit,
            signers=self.text(commit, SIGNERS_PATH),
            charter="",
            refused=(RejectedChange(path=fleet_toml.PATH, commit=commit, why=f"cannot be used: {why}"),),
        )

    def _tell(self, stand: TrustState) -> EffectiveRules:
        """A stand as the rest of the node reads it."""
        alarms = tuple(refusal.alarm for refusal in reversed(stand.refused))  # the newest first
        if not stand.charter:
            raise BrokenLedger("; ".join(alarms) or fleet_toml.MISSING_MESSAGE)
        found = fleet_toml.read(stand.charter.encode("utf-8", "surrogateescape"))
        return EffectiveRules(signers=stand.signers, charter=found, alarms=alarms)

    # -- what a commit has ---------------------------------------------------------------------------------------

    def unusable_reason(self, text: str) -> str | None:
        """Why a text cannot be the charter; None when it can."""
        try:
            fleet_toml.read(text.encode("utf-8", "surrogateescape") if text else None)
        except BrokenLedger as error:
            return str(error)
        return None

    def text(self, commit: Oid, path: str) -> str:
        """A file as a commit has it; empty where it has none, or a link or a submodule in its place."""
        entry = find(self.store, read_commit(self.store.get(commit)).tree, path)
        data = self.store.get(entry.oid) if entry and entry.mode in (FILE, EXECUTABLE) else b""
        return data.decode("utf-8", "surrogateescape")

    def _blob(self, tree: Oid, path: str) -> Oid | None:
        entry = find(self.store, tree, path)
        return entry.oid if entry else None


class _HistoryWalk:
    """One walk from a stand to a tip. Each commit is judged by the keys in force when its turn comes."""

    def __init__(self, of: TrustRoot, start: TrustState, tip: Oid) -> None:
        self.of, self.start, self.tip = of, start, tip
        self.signers = start.signers
        self.charters = {start.commit: start.charter}
        """The admins' versions of fleet.toml that no later one of them builds on, in the order of the walk."""
        self.vouched = [*start.vouched, _digest(start.charter)]
        self.refused = list(start.refused)
        self.seen: set[bytes] = set()
        """What was signed by commits that were judged before."""

    def go(self) -> TrustState:
        """Judges what is new, and stands at the tip."""
        between = self.of.store.between(self.tip, self.start.commit)
        touched: dict[Oid, list[str]] = {}
        for path in (SIGNERS_PATH, fleet_toml.PATH):
            for commit in self.of.store.history(self.tip, path, since=self.start.commit):
                touched.setdefault(commit, []).append(path)
        others = foreign_commits(between)
        read = {commit: read_commit(self.of.store.get(commit)) for commit in touched if commit not in others}
        signed = signed_by_admins(read, self.signers, lambda commit: self.of.text(commit, SIGNERS_PATH))
        self._refuse({c: paths for c, paths in touched.items() if c in others}, "comes from another ledger")
        unsigned = {c: paths for c, paths in touched.items() if c in read and c not in signed}
        self._refuse(unsigned, "is not signed by an admin")
        old = any(parent not in between and parent != self.start.commit for c in signed for parent in read[c].parents)
        self.seen = set(self._signed_before()) if old else set()
        for commit in in_judging_order(between, signed, lambda c: self._seniority(signed[c])):
            self._judge(commit, read[commit], signed[commit])
        return self._stand()

    def _signed_before(self) -> Iterator[bytes]:
        """What stands in the history that is judged already. A commit's name covers its signature's armour and its
        signature does not: anybody can make a commit with another name and the same signature out of an old one."""
        for path in (SIGNERS_PATH, fleet_toml.PATH):
            for commit in self.of.store.history(self.start.commit, path):
                yield sha256(read_commit(self.of.store.get(commit)).payload).digest()

    def _seniority(self, key: str) -> int:
        """Where a key stands in the list of those in force. Of two who take each other out at the same time the one
        who was there first wins, on every machine."""
        keys = list(signer_lines_by_key(self.signers))
        return keys.index(key) if key in keys else len(keys)

    def _refuse(self, commits: Mapping[Oid, Sequence[str]], why: str) -> None:
        """Notes what nobody with the right has signed: the newest few, for it may be thousands."""
        for path in (SIGNERS_PATH, fleet_toml.PATH):
            newest = [commit for commit, paths in commits.items() if path in paths and self._changed(commit, path)]
            self.refused += [
                RejectedChange(path=path, commit=commit, why=why) for commit in reversed(newest[:MAX_REPORTED_CHANGES])
            ]

    def _changed(self, commit: Oid, path: str) -> bool:
        parents = read_commit(self.of.store.get(commit)).parents
        return self.of.text(commit, path) not in [self.of.text(parent, path) for parent in parents]

    def _judge(self, commit: Oid, read: Commit, key: str) -> None:
        """Follows what this commit changed, or notes why not."""
        said = sha256(read.payload).digest()
        copy = said in self.seen
        self.seen.add(said)
        person = read_signers(self.signers).get(key)
        admin = person is not None and "admin" in person.roles
        for path, follow in ((SIGNERS_PATH, self._follow_signers), (fleet_toml.PATH, self._follow_fleet_toml)):
            before = [self.of.text(parent, path) for parent in read.parents]
            after = self.of.text(commit, path)
            if after in before or (not before and not after):
                continue
            why = "is a copy of an older one" if copy else None if admin else "is not signed by an admin"
            why = why or follow(commit, before, after)
            if why is None:
                self.refused = [refusal for refusal in self.refused if refusal.path != path]
            else:
                self.refused.append(RejectedChange(path=path, commit=commit, why=why))

    def _stand(self) -> TrustState:
        """Where this walk ends."""
        in_force = self._charter()
        tip_signers, tip_charter = self.of.text(self.tip, SIGNERS_PATH), self.of.text(self.tip, fleet_toml.PATH)
        odd = {
            SIGNERS_PATH: signer_lines_by_key(tip_signers) != signer_lines_by_key(self.signers),
            fleet_toml.PATH: tip_charter != in_force,
        }
        told = [r for r in self.refused if self._differs(r, in_force)]
        silent = [path for path, differs in odd.items() if differs and path not in {r.path for r in told}]
        told += [
            RejectedChange(path=path, commit=self.tip, why="brings back what was changed since") for path in silent
        ]
        return TrustState(
            commit=self.tip,
            signers=self.signers,
            charter=in_force,
            refused=tuple(told[-2 * MAX_REPORTED_CHANGES :]),
            vouched=tuple(dict.fromkeys(self.vouched))[-MAX_VOUCHED_DIGESTS:],
        )

    def _follow_signers(self, _commit: Oid, before: list[str], after: str) -> None:
        self.signers = apply_signers_change(self.signers, before, after)

    def _follow_fleet_toml(self, commit: Oid, before: list[str], after: str) -> str | None:
        if len(before) > 1 and not {_digest(text) for text in before} <= set(self.vouched):
            return "merges what no admin has signed"
        why = self.of.unusable_reason(after)
        if why is not None:
            return f"cannot be used: {why}"
        self.charters = {c: text for c, text in self.charters.items() if not self.of.store.descends(commit, c)}
        self.charters[commit] = after
        self.vouched.append(_digest(after))
        return None

    def _charter(self) -> str:
        """Of several versions that admins made beside each other the one that was merged, else the last."""
        merged = self.of.text(self.tip, fleet_toml.PATH)
        found = list(self.charters.values())
        return merged if merged in found else found[-1]

    def _differs(self, refusal: RejectedChange, in_force: str) -> bool:
        said = self.of.text(refusal.commit, refusal.path)
        return (
            signer_lines_by_key(said) != signer_lines_by_key(self.signers)
            if refusal.path == SIGNERS_PATH
            else said != in_force
        )


def _digest(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
