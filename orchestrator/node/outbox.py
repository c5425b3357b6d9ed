"""Where does a result wait while the remote cannot be reached, or when the process is killed? In the outbox.

Each ended attempt is written to disk before it is pushed and removed when it was accepted or kept as late work. A
restarted node pushes what it finds. Doing so twice is safe: claim.complete recognises what the log already holds.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from missions.errors import BadClaim
from missions.lease import Claim, ClaimState, read_claim
from missions.plain_data import read_json
from orchestrator.ledger.result_record import ResultRecord
from orchestrator.ledger.snapshot import HeldClaim
from sync import files
from sync.place_names import below

if TYPE_CHECKING:  # most nodes start with an empty outbox
    from pydantic import TypeAdapter


@dataclass(frozen=True, kw_only=True)
class PendingResult:
    """One ended attempt, ready to be handed back."""

    held: HeldClaim
    state: ClaimState
    record: ResultRecord
    reason: str = ""


@dataclass(frozen=True)
class Outbox:
    """Letters on disk, one file each."""

    folder: Path

    def put(self, letter: PendingResult) -> None:
        """Writes a letter so that it survives a crash at any moment."""
        self.folder.mkdir(parents=True, exist_ok=True)
        claim = read_json(letter.held.claim.print())
        text = json.dumps(
            {
                "claim": claim,
                "oid": letter.held.oid,
                "state": letter.state,
                "reason": letter.reason,
                "record": asdict(letter.record),
            },
            default=_bytes_text,
        )
        files.replace(self._path(letter.held.claim), text)

    def remove(self, letter: PendingResult) -> None:
        """Takes a letter out. It need not be there."""
        self._path(letter.held.claim).unlink(missing_ok=True)

    def __iter__(self) -> Iterator[PendingResult]:
        """Every letter that can be read, by name."""
        for path in sorted(self.folder.glob("*.json")):
            letter = _read_pending_result(path)
            if letter is not None:
                yield letter

    def unreadable(self) -> list[Path]:
        """Files that are no letters, or another version's: they stay where they are, for a person."""
        return [path for path in sorted(self.folder.glob("*.json")) if _read_pending_result(path) is None]

    def _path(self, claim: Claim) -> Path:
        return below(self.folder, f"{claim.mission}-{claim.epoch}.json")


def _bytes_text(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")


def _read_pending_result(path: Path) -> PendingResult | None:
    try:
        found = read_json(path.read_text(encoding="utf-8"))
        claim = read_claim(json.dumps(found["claim"]).encode())
        held = HeldClaim(claim=claim, oid=str(found["oid"]))
        record = _record_reader().validate_json(json.dumps(found["record"]))
        return PendingResult(held=held, state=ClaimState(found["state"]), reason=str(found["reason"]), record=record)
    except (OSError, ValueError, TypeError, KeyError, BadClaim):
        return None


@cache
def _record_reader() -> TypeAdapter[ResultRecord]:
    from pydantic import TypeAdapter

    return TypeAdapter(ResultRecord)  # a letter of an earlier version has no facts
