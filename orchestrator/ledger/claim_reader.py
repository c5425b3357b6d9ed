"""Which claims do the refs hold, and why can some not be read?

What was read once is remembered by the claim's commit, also that it is none: whoever may push can leave thousands of
refs that hold nothing, and no round pays for them again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from missions.errors import BadClaim
from missions.lease import OBJECT_NAME, Claim, read_claim
from orchestrator.ledger.transport import CLAIM
from sync.errors import ObjectMissing, ObjectTooLarge
from sync.objects import find, load_commit
from sync.remote import ObjectStore, Oid, Refs

CLAIM_FILE = "claim.json"
MAX_CLAIM_BYTES = 64 * 1024
"""Bytes of a claim that is read."""
MANY_GONE, MAX_FEW = 2, 64
"""What was read is forgotten when it is so many times as many as there are claims, and so many more."""
MAX_ROUNDS_BETWEEN_LOOKS = 64
"""A claim with an object that is missing is looked at again after 1, 2, 4 rounds, and so on up to this: somebody may
have it still, and send it again."""


@dataclass(frozen=True, kw_only=True)
class HeldClaim:
    """A claim as the remote holds it."""

    claim: Claim
    oid: Oid


@dataclass
class MissingObjects:
    """What could not be read because an object was missing: the reason, and in how many rounds it is looked at again.

    Of nothing else than what is asked about in each round anything is kept.
    """

    _waits: dict[Oid, tuple[str, int, int]] = field(default_factory=dict)

    def reason(self, oid: Oid) -> str:
        """Why it is not looked at in this round; empty where it should be. Ask once a round."""
        why, left, pause = self._waits.get(oid, ("", 0, 0))
        if left == 0:
            return ""
        self._waits[oid] = (why, left - 1, pause)
        return why

    def note(self, oid: Oid, why: str) -> str:
        """It was looked at and something was missing. Returns the reason."""
        pause = min(MAX_ROUNDS_BETWEEN_LOOKS, 2 * self._waits.get(oid, ("", 0, 0))[2] or 1)
        self._waits[oid] = (why, pause, pause)
        return why

    def keep(self, oids: Iterable[Oid]) -> None:
        """Forgets all but these."""
        if self._waits:
            kept = frozenset(oids)
            self._waits = {oid: wait for oid, wait in self._waits.items() if oid in kept}


@dataclass
class ClaimReader:
    """Reads claims for one reader of ledgers."""

    store: ObjectStore
    _known: dict[Oid, HeldClaim | str] = field(default_factory=dict)
    _missing: MissingObjects = field(default_factory=MissingObjects)
    _seen: tuple[dict[str, Oid], dict[str, HeldClaim], dict[str, str]] | None = None

    def read(self, refs: Refs) -> tuple[dict[str, HeldClaim], dict[str, str]]:
        """The claims by the missions that they are on, and why others cannot be read. The same values as before where
        no claim moved and none is looked at again."""
        now = self._standing(refs)
        anew = {oid: self._look(oid) for oid in now.values() if oid not in self._known}
        if self._seen is not None and self._seen[0] == now and not anew.keys() & self._known.keys():
            return self._seen[1], self._seen[2]
        if len(self._known) > MANY_GONE * len(now) + MAX_FEW:
            self._known = {oid: self._known[oid] for oid in now.values() if oid in self._known}
        self._missing.keep(now.values())
        held: dict[str, HeldClaim] = {}
        junk: dict[str, str] = {}
        for name, oid in now.items():
            found = self._known.get(oid) or anew[oid]
            if isinstance(found, HeldClaim) and found.claim.mission == name:
                held[name] = found
            else:
                junk[name] = found if isinstance(found, str) else f"it is a claim on {found.claim.mission}"
        self._seen = (now, held, junk)
        return held, junk

    def _standing(self, refs: Refs) -> dict[str, Oid]:
        """The claims among these refs, by the missions that they are on."""
        return {ref.removeprefix(CLAIM): oid for ref, oid in refs.items() if ref.startswith(CLAIM)}

    def _look(self, oid: Oid) -> HeldClaim | str:
        why = self._missing.reason(oid)
        if why:
            return why
        try:
            self._known[oid] = self._read(oid)
        except ObjectMissing as error:
            if OBJECT_NAME.fullmatch(error.oid):
                return self._missing.note(oid, str(error))
            self._known[oid] = str(error)  # no object can have that name
        return self._known[oid]

    def _read(self, oid: Oid) -> HeldClaim | str:
        """A claim, or why it is none. Raises ObjectMissing."""
        try:
            entry = find(self.store, load_commit(self.store, oid).tree, CLAIM_FILE)
            if entry is None:
                return f"it has no {CLAIM_FILE}"
            return HeldClaim(claim=read_claim(self.store.get(entry.oid, MAX_CLAIM_BYTES)), oid=oid)
        except ObjectTooLarge as error:
            return str(error)
        except (BadClaim, LookupError, ValueError) as error:
            return str(error) or type(error).__name__
