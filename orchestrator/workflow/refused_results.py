"""Which ended claims bring no result that can be folded, so that no round reads them again?

A claim that is refused stays where it is, for a person to look at. Whether its record is one is a function of the
claim, of the record and of who may sign; whether the mission could be read with it, of the mission's file, too. As long
as these stay, it is not found anew.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from orchestrator.ledger.claim_reader import MissingObjects
from orchestrator.ledger.snapshot import HeldClaim, LedgerSnapshot
from sync.errors import ObjectMissing, ObjectTooLarge
from sync.remote import Oid


@dataclass
class RefusedResults:
    """What one node remembers of the claims that stand now. It is lost with the process, and found again."""

    _known: dict[Oid, tuple[str, Oid]] = field(default_factory=dict)
    """By claim: who could sign then, and the mission's file where it was asked, else nothing."""
    _missing: MissingObjects = field(default_factory=MissingObjects)

    def undecided(self, ledger: LedgerSnapshot) -> list[HeldClaim]:
        """The ended claims of which it is not known that they are refused; those that lack an object now and then.

        Ask once a round.
        """
        ended = ledger.ended_claims
        stand = {held.oid for held in ended}
        self._known = {oid: known for oid, known in self._known.items() if oid in stand}
        self._missing.keep(stand)
        return [held for held in ended if not self._is_refused(ledger, held)]

    def note(self, ledger: LedgerSnapshot, held: HeldClaim, cause: BaseException | None) -> None:
        """The record of a claim was refused, because of `cause` if that was an error of reading it: of an object that
        was not there, which may still come."""
        if isinstance(cause, ObjectMissing) and not isinstance(cause, ObjectTooLarge):
            self._missing.note(held.oid, str(cause))
        else:
            self._known[held.oid] = (ledger.signers, "")

    def note_unfit(self, ledger: LedgerSnapshot, held: HeldClaim) -> None:
        """The mission as it stands there could not be read any more with what a sound record brings."""
        self._known[held.oid] = (ledger.signers, _file_of(ledger, held))

    def _is_refused(self, ledger: LedgerSnapshot, held: HeldClaim) -> bool:
        known = self._known.get(held.oid)
        if known is None:
            return bool(self._missing.reason(held.oid))
        signers, file = known
        return signers == ledger.signers and file in ("", _file_of(ledger, held))


def _file_of(ledger: LedgerSnapshot, held: HeldClaim) -> Oid:
    """A mission's file; the whole branch where it has none that can be read."""
    filed = ledger.open.get(held.claim.mission)
    return filed.blob if filed is not None else ledger.tip
