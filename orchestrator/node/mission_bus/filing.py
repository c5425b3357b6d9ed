"""How is the filing done of missions that came over a bus, each once, many in one commit?

The commit names each mission with the digest of its idempotency key, so that whoever comes back after a crash finds
out what was filed. This node's database remembers the same, and under which key each mission came.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from missions import document
from missions.mission import Quarantined
from missions.plain_data import read_json
from orchestrator.core import tracing
from orchestrator.core.errors import WrongSetting
from orchestrator.core.ports.mission_bus import FilingRequest
from orchestrator.core.ports.stores import Cursors
from orchestrator.ledger.publish import LedgerChange, commit_change
from orchestrator.ledger.snapshot import MISSIONS, LedgerSnapshot, SnapshotReader
from orchestrator.ledger.transport import Transport
from orchestrator.node.mission_bus.push_parts import push_in_parts
from orchestrator.workflow.delegation.envelope import DelegationEnvelope, mission_text, read_envelope
from orchestrator.workflow.delegation.filed_envelope import TRAILER, is_filed_under, is_there, key_digest
from orchestrator.workflow.fleet import NO_MISSION

KEYS, OPEN_NAMES = "bus-key-", "bus-open-"
"""What the marks begin with: of keys, with a mission's name; of missions that wait for an answer, with key and job."""


@dataclass(frozen=True, kw_only=True)
class BusFiling:
    """One headquarters'. `transport` signs as the person of this machine, who must have the right to file missions."""

    transport: Transport
    reader: SnapshotReader
    marks: Cursors

    def key(self, mission: str) -> str:
        """The key under which an open mission came over the bus; empty for one that did not."""
        return str(read_json(self.marks.get(OPEN_NAMES + mission) or "{}").get("key", ""))

    def job_id(self, mission: str) -> str:
        """What its producer calls it."""
        return str(read_json(self.marks.get(OPEN_NAMES + mission) or "{}").get("job_id", mission))

    def unanswered(self) -> list[str]:
        """The missions that came over the bus, and of which it has not been told how they ended."""
        return [mark.removeprefix(OPEN_NAMES) for mark in self.marks.starting(OPEN_NAMES)]

    def answered(self, mission: str) -> None:
        """It has been told."""
        self.marks.drop([OPEN_NAMES + mission])

    def file(self, requests: Sequence[FilingRequest]) -> list[tuple[FilingRequest, str]]:
        """Files what is not there yet, in one commit; in several where the remote refuses one. Returns each with why it
        was refused, empty where it is filed; what is not among them is to be asked for again.

        Raises what the remote and the database raise; then nothing is known of any, and asking again is safe.
        """
        told: list[tuple[FilingRequest, str]] = []

        def push(part: Sequence[FilingRequest]) -> bool:
            verdicts, moved = self._file_part(part)
            told.extend(verdicts)
            return moved

        refused, _ = push_in_parts(requests, push)
        return told + refused

    def _file_part(self, requests: Sequence[FilingRequest]) -> tuple[list[tuple[FilingRequest, str]], bool]:
        verdicts: dict[int, str] = {}
        wanted: dict[int, tuple[DelegationEnvelope, str]] = {}
        for number, request in enumerate(requests):  # entries of two streams may have one id
            try:
                envelope = read_envelope(request.envelope)
                wanted[number] = envelope, mission_text(envelope)
            except WrongSetting as error:
                verdicts[number] = str(error)
        moved, began, drafted = None, tracing.moment(), set[str]()

        def draft(ledger: LedgerSnapshot) -> LedgerChange | None:
            change = self._draft(ledger, wanted, verdicts)
            drafted.update(change.files if change else ())  # also of a push whose answer was lost
            return change

        if wanted:
            moved = commit_change(self.transport, self.reader, draft)
        for number, (envelope, _) in wanted.items():
            if not verdicts[number]:
                self._note(envelope)
                if f"{MISSIONS}/{envelope.mission}.md" in drafted:
                    drafted.discard(f"{MISSIONS}/{envelope.mission}.md")
                    tracing.record(tracing.FILING, began, mission=envelope.mission, over="redis")
        return [(request, verdicts[number]) for number, request in enumerate(requests)], moved is not None

    def _filed_as(self, digest: str) -> str:
        """The name of the mission that came under a key; empty where none is known."""
        return str(read_json(self.marks.get(KEYS + digest) or "{}").get("name", ""))

    def _note(self, envelope: DelegationEnvelope) -> None:
        """Remembers whose mission it is. The same key under another name is the mission of before."""
        mark = KEYS + key_digest(envelope.key)
        if self.marks.get(mark):
            return
        told = json.dumps({"key": envelope.key, "job_id": envelope.job_id})
        self.marks.put(OPEN_NAMES + envelope.mission, told)
        when = self.transport.now().isoformat()
        self.marks.put(mark, json.dumps({"name": envelope.mission, "when": when}))

    def _draft(
        self, ledger: LedgerSnapshot, wanted: dict[int, tuple[DelegationEnvelope, str]], verdicts: dict[int, str]
    ) -> LedgerChange | None:
        files: dict[str, bytes | None] = {}
        lines: dict[str, str] = {}
        for number, (envelope, text) in wanted.items():
            name, digest = envelope.mission, key_digest(envelope.key)
            path = f"{MISSIONS}/{name}.md"
            before = self._filed_as(digest)
            if before or digest in lines.values():
                deleted = before and not is_there(ledger, before)
                again = f"it was filed as {before}, which is deleted: take another job_id and idempotency_key"
                verdicts[number] = again if deleted else ""
                continue
            taken = name in lines or path in files or is_there(ledger, name)
            if taken and not is_filed_under(ledger, name, envelope.key):
                verdicts[number] = f"there is another mission {name} already: take another job_id"
                continue
            verdicts[number] = "" if taken else _wrong(ledger, path, text)
            if not taken and not verdicts[number]:
                files[path], lines[name] = text.encode(), digest
        if not files:
            return None
        what = f"Mission: {next(iter(lines))}" if len(lines) == 1 else f"{len(lines)} missions over the bus"
        trailers = "\n".join(f"{TRAILER}: {name} {digest}" for name, digest in lines.items())
        return LedgerChange(files=files, message=f"{what}\n\n{trailers}")


def _wrong(ledger: LedgerSnapshot, path: str, text: str) -> str:
    """Why such a file could not run; empty if it can."""
    read = document.read(path, text.encode())
    if isinstance(read, Quarantined):
        return read.reason
    if read.name == NO_MISSION:
        return f"{NO_MISSION}.md explains the folder and is no mission: take another job_id"
    if read.project is not None and read.project not in ledger.charter.projects:
        return f"unknown project {read.project}: fleet.toml has {', '.join(sorted(ledger.charter.projects)) or 'none'}"
    return ""


def forget_old_keys(marks: Cursors, before: datetime) -> int:
    """Forgets the keys of missions that came before a moment; returns how many."""
    known = marks.starting(KEYS).items()
    old = [name for name, value in known if datetime.fromisoformat(read_json(value)["when"]) < before]
    marks.drop(old)
    return len(old)
