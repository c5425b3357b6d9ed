"""How does a text that a person had open reach the branch, whatever became of the file meanwhile?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from missions import document
from missions.mission import Quarantined
from orchestrator.core.errors import NotFound, Refused, WrongSetting
from orchestrator.ledger.conflicts import Dispute
from orchestrator.ledger.publish import Draft, edited, land
from orchestrator.ledger.snapshot import Ledger, Reader
from orchestrator.ledger.transport import Bus
from orchestrator.policy.authorization import Trust
from orchestrator.policy.membership import Membership


@dataclass(frozen=True, kw_only=True)
class Editing:
    """Missions' files as one person edits them. `ledger` gives the newest state."""

    bus: Bus
    reader: Reader
    trust: Trust
    ledger: Callable[[], Ledger]

    def source(self, name: str) -> bytes:
        """An open mission's file as it is, also one that cannot be read. Raises NotFound."""
        ledger = self.ledger()
        return ledger.read(_path(ledger, name)) or b""

    def edit(self, name: str, base: bytes, mine: bytes) -> list[Dispute]:
        """Lands a person's text, made of `base`; what others changed meanwhile stays. Returns what could not be kept.

        Raises NotFound when the mission is over, WrongSetting when nobody could read the text, and Refused.
        """
        told: list[Dispute] = []

        def draft(ledger: Ledger) -> Draft:
            path = _path(ledger, name)
            Membership(bus=self.bus, reader=self.reader, trust=self.trust).me(ledger, "author", "admin")
            read = document.read(path, mine)
            if isinstance(read, Quarantined):
                raise WrongSetting(path, f"line {read.line}: {read.reason}" if read.line else read.reason)
            self._must_be_trusted(ledger, name, base)
            files, told[:] = edited(self.bus, ledger, path, base, mine)
            return Draft(files=files, message=f"Edit {name}")

        land(self.bus, self.reader, draft)
        return told

    def _must_be_trusted(self, ledger: Ledger, name: str, base: bytes) -> None:
        """What a stranger asked for meanwhile must not go under this person's signature unseen."""
        filed = ledger.open.get(name)
        if filed is None or document.essence(ledger.store.get(filed.blob)) == document.essence(base):
            return
        word = self.trust.word(ledger, filed)
        if not word.trusted:
            raise Refused(f"{filed.path} was changed meanwhile, and {word.why}: read it, then edit it again")


def _path(ledger: Ledger, name: str) -> str:
    filed = ledger.open.get(name)
    path = filed.path if filed else next((bad.path for bad in ledger.quarantined if bad.name == name), "")
    if not path:
        raise NotFound(f"no open mission {name!r}" + (": it is over" if ledger.archived(name) else ""))
    return path
