"""What did the heartbeat's turns look at, and what did they find? The record, one for the fleet and one for each node.

`refs/shiftbook/turn/fleet` and `refs/shiftbook/turn/node/<node>` point to a signed commit without parents that holds
`turns.json`: which line was looked at for which time, which findings stand, and what of the day's budget is spent. A
node that looked moves the ref by compare-and-swap, together with the missions that follow, so that of two who looked at
once one has done it. What it replaces is nobody's history, and the server's garbage collection takes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any

from missions.declared.value_rules import After, Limits
from missions.plain_data import read_json
from orchestrator.ledger.transport import TURN
from sync.errors import SyncError
from sync.objects import find, load_commit
from sync.remote import ObjectStore, Oid

if TYPE_CHECKING:  # a node in whose fleet nobody has looked yet needs no pydantic
    from pydantic import TypeAdapter

FLEET_TURN = f"{TURN}fleet"
RECORD_FILE = "turns.json"
MAX_RECORD_BYTES = 256 * 1024
MAX_FINDINGS_PER_LINE, MAX_FINDINGS = 20, 200
"""Findings that are kept; of more, a line's own say how many there are."""
CUT_CHARS = 100
"""Characters that stay of the longest texts where a record is too large."""
FORGOTTEN_AFTER = timedelta(days=1)
"""A finding that went away and comes back within so long is the same one: it is not told again."""


def _aware(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("it has no time zone")
    return moment


Short = Annotated[str, Limits(max_length=200)]
Key = Annotated[str, Limits(max_length=64)]
Moment = Annotated[datetime, After(_aware)]


def node_turn(node: str) -> str:
    """The ref with a node's own record."""
    return f"{TURN}node/{node}"


@dataclass(frozen=True, kw_only=True)
class KeptFinding:
    """A finding. `gone`: since when it stands no more; `told`: whether people were told, as far as the budget let."""

    line: Key
    subject: Short
    says: Annotated[str, Limits(max_length=400)]
    since: Moment
    by: Short
    told: bool = False
    gone: Moment | None = None


@dataclass(frozen=True, kw_only=True)
class TurnRecord:
    """The record. `lines` are the times up to which each line was looked at; `day` is that of the spent budget."""

    lines: Annotated[dict[Key, Moment], Limits(max_length=400)] = field(default_factory=dict)
    findings: Annotated[dict[Key, KeptFinding], Limits(max_length=MAX_FINDINGS)] = field(default_factory=dict)
    day: date | None = None
    notices: Annotated[int, Limits(ge=0)] = 0
    missions: Annotated[int, Limits(ge=0)] = 0
    usd: Annotated[float, Limits(ge=0, allow_inf_nan=False)] = 0.0

    def print(self) -> bytes:
        """As it is stored."""
        return _adapter(TurnRecord).dump_json(self, indent=1) + b"\n"

    def standing(self) -> dict[str, KeptFinding]:
        """The findings that stand now."""
        return {key: each for key, each in self.findings.items() if each.gone is None}

    def state(self) -> dict[str, tuple[bool, bool]]:
        """Which findings are known, which of them stand, and of which people were told."""
        return {key: (each.gone is None, each.told) for key, each in self.findings.items()}

    def on(self, day: date) -> TurnRecord:
        """The record on that day: a new day has a new budget."""
        if day == self.day:
            return self
        return replace(self, day=day, notices=0, missions=0, usd=0.0)

    def spent(self, usd: float) -> TurnRecord:
        """The record after one more mission."""
        return replace(self, missions=self.missions + 1, usd=self.usd + usd)

    def looked(
        self, line: str, slot: datetime, found: Mapping[str, tuple[str, str]], *, by: str, now: datetime
    ) -> tuple[TurnRecord, list[str]]:
        """The record after a line was looked at for a time, and which findings are new.

        `found` is subject and words of each finding by its key.
        """
        findings, fresh = dict(self.findings), list[str]()
        for key, each in self.findings.items():
            if each.line == line and key not in found and each.gone is None:
                findings[key] = replace(each, gone=now)
        for key, (subject, says) in list(found.items())[:MAX_FINDINGS_PER_LINE]:
            known = self.findings.get(key)
            if known is not None:
                findings[key] = replace(known, gone=None, says=says)
            elif len(findings) < MAX_FINDINGS:
                findings[key] = KeptFinding(line=line, subject=subject, says=says, since=now, by=by)
                fresh.append(key)
        lines = {**self.lines, line: slot}
        return replace(self, lines=lines, findings=findings), fresh

    def tidied(self, lines: Iterable[str], now: datetime) -> TurnRecord:
        """The record without what is long gone, and without lines that the checklist has no more."""
        known = set(lines)
        kept = {
            key: each
            for key, each in self.findings.items()
            if each.line in known and (each.gone is None or each.gone > now - FORGOTTEN_AFTER)
        }
        return replace(self, findings=kept, lines={name: at for name, at in self.lines.items() if name in known})

    def telling(self, notices_per_day: int) -> TurnRecord:
        """The record after people were told of what stands, as far as the day's budget goes; the rest waits."""
        findings, left = dict(self.findings), notices_per_day - self.notices
        for key, each in self.standing().items():
            if not each.told and left > 0:
                findings[key], left = replace(each, told=True), left - 1
        return replace(self, findings=findings, notices=notices_per_day - left)

    def fitted(self) -> TurnRecord:
        """The record as it can be read again.

        Where it is too large, what is gone is dropped, the oldest first, then the longest texts are cut. No finding
        that stands is dropped: it would be news at each look.
        """
        findings, excess = dict(self.findings), len(self.print()) - MAX_RECORD_BYTES + 1
        if excess <= 0:
            return self
        gone = {key: each.gone for key, each in findings.items() if each.gone is not None}
        for key in sorted(gone, key=gone.__getitem__):
            if excess > 0:
                excess -= _length(findings.pop(key))
        for key in sorted(findings, key=lambda key: _length(findings[key]), reverse=True):
            if excess > 0:
                each = findings[key]
                cut = replace(each, subject=each.subject[:CUT_CHARS], says=each.says[:CUT_CHARS])
                excess -= _length(each) - _length(cut)
                findings[key] = cut
        return replace(self, findings=findings)


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


def _length(found: KeptFinding) -> int:
    """Bytes of a finding, at least."""
    return len(_adapter(KeptFinding).dump_json(found))


def read_record(data: bytes) -> TurnRecord:
    """What `print` made. Raises ValueError for anything else."""
    from pydantic import ValidationError

    try:
        found: TurnRecord = _adapter(TurnRecord).validate_python(read_json(data))
    except ValidationError as error:
        raise ValueError("it is no record of turns") from error
    return found


def load_record(store: ObjectStore, oid: Oid) -> TurnRecord:
    """The record in a commit. Raises ValueError for what is none, or cannot be read: anybody may have written it."""
    try:
        entry = find(store, load_commit(store, oid).tree, RECORD_FILE)
        return read_record(store.get(entry.oid, MAX_RECORD_BYTES)) if entry else TurnRecord()
    except (SyncError, LookupError) as error:
        raise ValueError(str(error)) from error
