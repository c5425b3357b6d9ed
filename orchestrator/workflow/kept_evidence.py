"""Which evidence did the tests of a mission's last attempt leave, and what is in one file of it?

Whoever may write to the ledger may have put it there: what is read is bounded, is the file that the list names by its
SHA-256, and is shown as what its bytes are, whatever the list says.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any

from missions.attachments.attachment import BadAttachment, safe_name
from missions.attachments.file_kind import GIF, JPEG, PNG, TEXT, WEBP
from missions.evidence.bundle import (
    MANIFEST_NAME,
    MAX_EVIDENCE_BYTES,
    MAX_MANIFEST_BYTES,
    NO_LIST,
    BadEvidence,
    EvidenceManifest,
    LeftOutFile,
    file_name,
    read_manifest,
)
from missions.evidence.shown_media import shown_media
from missions.mission import Mission
from orchestrator.core.errors import NotFound
from orchestrator.ledger.snapshot import LedgerSnapshot
from sync.errors import SyncError
from sync.objects import EXECUTABLE, FILE, find

ENDINGS = {TEXT: "txt", PNG: "png", JPEG: "jpg", WEBP: "webp", GIF: "gif"}
"""How a file is called that has no name which every system takes."""


@dataclass(frozen=True, kw_only=True)
class ShownEvidence:
    """One file: `path` as the project calls it, `name` as it may be called anywhere."""

    number: int
    path: str
    name: str
    media: str
    data: bytes


def read_evidence(ledger: LedgerSnapshot, mission: Mission) -> EvidenceManifest:
    """The list of the last attempt that ended, and of none before it."""
    place = ledger.last_attempt_place(mission, MANIFEST_NAME)
    if place is None:
        return NO_LIST
    try:
        found = read_manifest(ledger.store.get(place[1], MAX_MANIFEST_BYTES))
    except (BadEvidence, SyncError) as error:
        return EvidenceManifest(left_out=(LeftOutFile(path=MANIFEST_NAME, why=str(error)),))
    return found if found.epoch == mission.epoch else NO_LIST


def evidence_json(listed: EvidenceManifest | None) -> dict[str, Any]:
    """The list as programs are told it; None is an empty one."""
    listed = listed or NO_LIST
    files = [{"number": number} | asdict(one) for number, one in enumerate(listed.files, 1)]
    told = asdict(listed)
    return {"files": files} | {key: told[key] for key in ("left_out", "more_left_out", "reports")}


def shown_evidence(ledger: LedgerSnapshot, mission: Mission, number: int) -> ShownEvidence:
    """One file of it, by its number. Raises NotFound."""
    listed, place = read_evidence(ledger, mission), ledger.last_attempt_place(mission, MANIFEST_NAME)
    if place is None or not 0 < number <= len(listed.files):
        raise NotFound("the last attempt at {} left no file {}", mission.name, number)
    one = listed.files[number - 1]
    path = place[0].removesuffix(MANIFEST_NAME) + file_name(number)
    entry = find(ledger.store, ledger.tree, path)
    plain = entry is not None and entry.mode in (FILE, EXECUTABLE)
    try:
        data = ledger.store.get(entry.oid, MAX_EVIDENCE_BYTES) if entry and plain else b""
    except SyncError as error:
        raise NotFound("file {} of {} cannot be read: {}", number, mission.name, error) from error
    if sha256(data).hexdigest() != one.sha256:
        raise NotFound("file {} of {} is not the one that its node listed", number, mission.name)
    media = shown_media(data)
    if media == TEXT:
        from handoff.secrets.redact import redact  # its rules take a tenth of a command that only lists what there is

        data = redact(data.decode("utf-8", "replace")).text.encode()
    return ShownEvidence(number=number, path=one.path, name=plain_name(one.path, number, media), media=media, data=data)


def plain_name(path: str, number: int, media: str) -> str:
    """A name for a file that every system takes, whatever its project calls it."""
    try:
        return safe_name(path)
    except BadAttachment:
        return f"evidence-{number}.{ENDINGS.get(media, 'bin')}"
