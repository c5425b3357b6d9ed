"""How does an edit, a text that a person had open, reach the branch, whatever became of the file meanwhile?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from missions import document
from missions.mission import Quarantined
from orchestrator.core.errors import Refused, WrongSetting
from orchestrator.ledger.conflicts import UnresolvedConflict
from orchestrator.ledger.publish import LedgerChange, commit_change, merge_edit
from orchestrator.ledger.snapshot import LedgerSnapshot, SnapshotReader
from orchestrator.ledger.transport import Transport
from orchestrator.policy.authorization import Trust
from orchestrator.policy.membership import Membership
from orchestrator.workflow.mission_name import not_open


@dataclass(frozen=True, kw_only=True)
class MissionEditor:
    """Missions' files as one person edits them. `ledger` gives the newest state."""

    bus: Transport
    reader: SnapshotReader
    trust: Trust
    ledger: Callable[[], LedgerSnapshot]

    def source(self, name: str) -> bytes:
        """An open mission's file as it is, also one that cannot be read. Raises NotFound."""
        ledger = self.ledger()
        return ledger.read(_mission_path(ledger, name)) or b""

    def edit(self, name: str, base: bytes, mine: bytes) -> list[UnresolvedConflict]:
        """Lands a person's text, made of `base`; what others changed meanwhile stays. Returns what could not be kept.

        Raises NotFound when the mission is over, WrongSetting when nobody could read the text, and Refused.
        """
        told: list[UnresolvedConflict] = []

        def draft(ledger: LedgerSnapshot) -> LedgerChange:
            path = _mission_path(ledger, name)
            Membership(bus=self.bus, reader=self.reader, trust=self.trust).require_member(ledger, "author", "admin")
            read = document.read(path, mine)
            if isinstance(read, Quarantined):
                raise WrongSetting(path, f"line {read.line}: {read.reason}" if read.line else read.reason)
            self._must_be_trusted(ledger, name, base)
            files, told[:] = merge_edit(self.bus, ledger, path, base, mine)
            return LedgerChange(files=files, message=f"Edit {name}")

        commit_change(self.bus, self.reader, draft)
        return told

    def _must_be_trusted(self, ledger: LedgerSnapshot, name: str, base: bytes) -> None:
        """What a stranger asked for meanwhile must not go under this person's signature unseen."""
        filed = ledger.open.get(name)
        if filed is None or document.requested_content(
            ledger.store.get(filed.blob, document.MAX_FILE_BYTES)
        ) == document.requested_content(base):
            return
        word = self.trust.authorize(ledger, filed)
        if not word.trusted:
            raise Refused(f"{filed.path} was changed meanwhile, and {word.why}: read it, then edit it again")


def _mission_path(ledger: LedgerSnapshot, name: str) -> str:
    filed = ledger.open.get(name)
    path = filed.path if filed else next((bad.path for bad in ledger.quarantined if bad.name == name), "")
    if not path:
        raise not_open(ledger, name)
    return path
