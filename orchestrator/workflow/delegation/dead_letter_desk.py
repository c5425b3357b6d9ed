"""May a dead letter be put back on the bus, and where does its mission go on otherwise?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from handoff.secrets.redact import redact
from orchestrator.core.errors import NotFound, Refused, WrongSetting
from orchestrator.core.ports.bus_care import DeadLetter, DeadLetterBox, LetterKind, PutBack
from orchestrator.core.time_text import format_utc
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.workflow.delegation.envelope import DelegationEnvelope, read_envelope
from orchestrator.workflow.delegation.filed_envelope import is_filed_under


@dataclass(frozen=True, kw_only=True)
class DeadLetterDesk:
    """`ledger` looks at the ledger as it is now: a mission that is there goes on there, and not beside it."""

    box: DeadLetterBox
    ledger: Callable[[], LedgerSnapshot]

    def find(self, letter_id: str) -> DeadLetter:
        """Raises NotFound and BusUnavailable."""
        letter = self.box.letter(letter_id) if is_letter_id(letter_id) else None
        if letter is None:
            raise NotFound(f"there is no dead letter {letter_id}: `shiftbook bus dead list`")
        return letter

    def put_back(self, letter_id: str) -> DeadLetter:
        """Raises NotFound, Refused with the next step, and BusUnavailable; nothing was changed then."""
        letter = self.find(letter_id)
        envelope = self._envelope(letter)
        mission, anew = envelope.mission, "send it again under another job_id and idempotency_key"
        ledger = self.ledger()
        if mission in ledger.open or any(bad.name == mission for bad in ledger.quarantined):
            step = f"`shiftbook mission retry {mission}`, then `shiftbook bus dead drop {letter_id}`"
            raise Refused(f"{letter_id}: the ledger has a mission {mission}: {step}")
        if ledger.archived(mission) is not None:
            raise Refused(f"{letter_id}: {mission} is over in the ledger: {anew}")
        if is_filed_under(ledger, mission, envelope.key):  # headquarters files no key twice
            raise Refused(f"{letter_id}: {mission} was filed, and is deleted in the ledger: {anew}")
        became = self.box.put_back(letter)
        if became is PutBack.GONE:
            raise NotFound(f"there is no dead letter {letter_id} any more")
        if became is PutBack.LIVES:
            step = f"`shiftbook bus dead drop {letter_id}`"
            raise Refused(f"{letter_id}: {letter.job_id} is on the bus already, or done there: {step}")
        return letter

    def drop(self, letter_id: str) -> None:
        """Raises NotFound and BusUnavailable."""
        if not is_letter_id(letter_id) or not self.box.drop(letter_id):
            raise NotFound(f"there is no dead letter {letter_id}: `shiftbook bus dead list`")

    def _envelope(self, letter: DeadLetter) -> DelegationEnvelope:
        """Its mission as it was sent."""
        if letter.kind is LetterKind.RESULT:
            step = f"its mission has ended: `shiftbook mission show {letter.job_id}`"
            raise Refused(f"{letter.id} is a result that the ledger did not take, and no mission; {step}")
        try:
            return read_envelope(letter.envelope)
        except WrongSetting as error:
            step = f"`shiftbook bus dead drop {letter.id}` takes it away"
            raise Refused(f"{letter.id} is no mission ({error}); {step}") from None


def is_letter_id(text: str) -> bool:
    """Whether an entry of a stream can be called so."""
    parts = text.split("-")
    return len(parts) == 2 and all(part.isascii() and part.isdigit() and len(part) <= 20 for part in parts)


def letter_json(letter: DeadLetter) -> dict[str, Any]:
    """A letter for programs; `envelope` where it was read, without secrets, and whole characters only."""
    told = asdict(letter) | {"when": format_utc(letter.when), "reason": redact(letter.reason).text}
    if letter.envelope:
        whole = letter.envelope.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        return told | {"envelope": redact(whole).text}
    del told["envelope"]
    return told
