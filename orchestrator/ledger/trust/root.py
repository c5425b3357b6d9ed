"""Which version of `allowed_signers` and `fleet.toml` counts on this machine: where does its trust root stand?

It begins with what is found (trust on first use, at `init` and `join`). From there only admins move it: docs/trust.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

from orchestrator.core.errors import BrokenLedger
from orchestrator.ledger.config import fleet_toml
from orchestrator.ledger.config.fleet_toml import FleetConfig
from orchestrator.ledger.trust.files import PATHS, SIGNERS_PATH, read_text, unusable_reason, versions
from orchestrator.ledger.trust.history import HistoryWalk, RejectedChange, RulesFile, TrustState
from sync.errors import HistoryRewritten
from sync.objects import load_commit, object_id
from sync.remote import ObjectStore, Oid

MAX_COMMITS = 20
"""Commits that are read one by one before git is asked: 1 ms each, where git's two processes take 15 ms."""


class TrustStateStore(Protocol):
    """What keeps a machine's stand while no process runs."""

    def load(self) -> TrustState | None:
        """The stand as it was kept last; None before the first time."""

    def keep(self, stand: TrustState, later: Callable[[Oid], bool]) -> None:
        """Keeps a stand, unless what is kept already stands at a commit that `later` does not call an earlier one."""


@dataclass(frozen=True, kw_only=True)
class EffectiveRules:
    """What counts at one tip, and in words what the branch has instead."""

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
            self._told = _effective(stand)
            if self.memory is not None:
                self.memory.keep(stand, lambda kept: self.store.descends(tip, kept))
        else:
            stand = replace(self._stand, commit=tip)
        self._stand = stand
        return self._told

    def _untouched_since(self, seen: Oid, tip: Oid) -> bool:
        """Whether every commit since `seen` left both files alone. Comparing the two ends would not do: what an admin
        changed, somebody else may have put back before we looked."""
        same = versions(self.store, tip)
        for _ in range(MAX_COMMITS):
            if tip == seen:
                return True
            parents = load_commit(self.store, tip).parents
            if len(parents) != 1 or versions(self.store, parents[0]) != same:
                return False
            tip = parents[0]
        return False

    def _follow(self, tip: Oid) -> TrustState:
        """The stand at `tip`."""
        stand = self._start(tip)
        if self.store.descends(tip, stand.commit):
            return HistoryWalk(self.store, stand, tip).go()
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
        found, files = versions(self.store, commit), {}
        for path in PATHS:
            text = read_text(self.store, found[path])
            why = unusable_reason(path, text) if path == fleet_toml.PATH else None
            rejected = RejectedChange(commit=commit, why=f"cannot be used: {why}") if why else None
            usable = self._newest_usable(commit) if why else text
            files[path] = RulesFile(text=usable, signed=found[path], link=commit, rejected=rejected)
        return TrustState(commit=commit, files=files)

    def _newest_usable(self, commit: Oid) -> str:
        older = (versions(self.store, each)[fleet_toml.PATH] for each in self.store.history(commit, fleet_toml.PATH))
        texts = (read_text(self.store, blob) for blob in older)
        return next((text for text in texts if unusable_reason(fleet_toml.PATH, text) is None), "")


def _effective(stand: TrustState) -> EffectiveRules:
    """A stand as the rest of the node reads it."""
    alarms = tuple(_alarm(path, file, file.rejected) for path, file in stand.files.items() if file.rejected)
    signers, charter = stand.files[SIGNERS_PATH].text, stand.files[fleet_toml.PATH].text
    if not charter:
        raise BrokenLedger("; ".join(alarms) or fleet_toml.MISSING_MESSAGE)
    found = fleet_toml.read(charter.encode("utf-8", "surrogateescape"))
    return EffectiveRules(signers=signers, charter=found, alarms=alarms)


def _alarm(path: str, file: RulesFile, rejected: RejectedChange) -> str:
    blob = object_id("blob", file.text.encode("utf-8", "surrogateescape"))
    return f"{path}: commit {rejected.commit[:10]} {rejected.why}; the version before stays (blob {blob[:10]})"
