"""How is an older ledger, whose archive has a folder for each month, put into folders that stay small?

In one commit, on a person's word. Files are moved as they are, and keep their names. What was worked
out on a branch that has moved meanwhile is worked out again, so nothing of the others is undone; whoever is interrupted
has changed nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from missions.archive_path import ARCHIVE_FOLDER, MEMO_FOLDER, archive_path, dated_path, day_of, index_entry, index_path
from orchestrator.core.errors import Refused
from orchestrator.ledger.archive import finished_text, mission_bytes
from orchestrator.ledger.conflicts import CONFLICTS_FOLDER
from orchestrator.ledger.snapshot import LedgerSnapshot, SnapshotReader
from orchestrator.ledger.transport import Transport
from orchestrator.policy.authorization import FILING_ROLES, Trust
from sync.objects import EXECUTABLE, FILE, FOLDER, FileContent, TreeEntry, find, folder_entries
from sync.remote import Oid, Refs, RefUpdate

MESSAGE = "The archive, the memos and the conflicts lie by days"
MAX_MEMO_BYTES = 1024 * 1024
"""Bytes of a memo in which its day is looked for."""

_MONTH = re.compile(r"\d{4}-\d\d", re.ASCII)
_ARTIFACT = re.compile(r"(?P<name>[^.]+)\.(?P<ending>\d+\.(?:diff|submodules\.diff|output\.txt|verdict\.json))")
_CREATED = re.compile(rb'^created: "?(\d{4}-\d\d-\d\d)', re.MULTILINE)


def migrate_archive(bus: Transport, reader: SnapshotReader, trust: Trust) -> int:
    """Moves what lies by months; returns how many files that were. Raises Refused, TooManyRaces, and what the remote
    raises."""
    moved = 0

    def plan(refs: Refs) -> list[RefUpdate]:
        nonlocal moved
        ledger = reader.read(refs)
        files = archive_moves(ledger)
        moved = sum(content is None for content in files.values())
        if not files:
            return []
        _require_person(bus, ledger, trust)
        commit = bus.commit(files, MESSAGE, onto=ledger.tip, tree=ledger.tree)
        return [RefUpdate(ref=bus.main, expect=ledger.tip, new=commit)]

    bus.publish(plan)
    return moved


def archive_moves(ledger: LedgerSnapshot) -> dict[str, FileContent]:
    """What is written and what is taken away. What would replace another file stays where it is."""
    moves: dict[str, FileContent] = {}
    for month, folder in _months(ledger, ARCHIVE_FOLDER):
        for name, entry in folder.items():
            _move_archived(ledger, moves, month, name, entry, folder)
    for month, folder in _months(ledger, MEMO_FOLDER):
        ledger.store.warm(entry.oid for entry in folder.values())
        for name, entry in folder.items():
            if name.endswith(".md"):
                day = _day_in(month, _created(ledger, entry))
                _move(ledger, moves, f"{MEMO_FOLDER}/{month}/{name}", dated_path(MEMO_FOLDER, day, name[:-3]), entry)
    for month, folder in _months(ledger, CONFLICTS_FOLDER):
        for name, entry in folder.items():
            if name.endswith(".md"):
                mission = name[:-3].rpartition("-")[0]
                to = dated_path(CONFLICTS_FOLDER, _day_in(month, b""), mission, name)
                _move(ledger, moves, f"{CONFLICTS_FOLDER}/{month}/{name}", to, entry)
    return moves


def _move_archived(
    ledger: LedgerSnapshot,
    moves: dict[str, FileContent],
    month: str,
    file: str,
    entry: TreeEntry,
    folder: Mapping[str, TreeEntry],
) -> None:
    artifact = _ARTIFACT.fullmatch(file)
    if artifact is None and not file.endswith(".md"):
        return
    name = artifact["name"] if artifact else file.removesuffix(".md")
    ending = artifact["ending"] if artifact else ""
    of = folder.get(f"{name}.md")
    ended = finished_text(mission_bytes(ledger.store, of.oid) or b"") if of else b""
    day, path = _day_in(month, ended), f"{ARCHIVE_FOLDER}/{month}/{file}"
    if not _move(ledger, moves, path, archive_path(name, day, ending or "md"), entry):
        return
    there = ledger.archive.attempt_file(name, ending) if ending else ledger.archive.find(name)
    if there is None or there[0] == path:  # of several with one name the newest one is in the index
        moves[index_path(name, ending)] = index_entry(day)


def _move(ledger: LedgerSnapshot, moves: dict[str, FileContent], path: str, to: str, entry: TreeEntry) -> bool:
    there = find(ledger.store, ledger.tree, to)
    if (there is not None and there.oid != entry.oid) or to in moves:
        return False
    moves |= {to: entry, path: None}
    return True


def _months(ledger: LedgerSnapshot, root: str) -> Iterator[tuple[str, dict[str, TreeEntry]]]:
    """The folders of months with their files, the oldest first."""
    for month, entry in sorted(folder_entries(ledger.store, find(ledger.store, ledger.tree, root)).items()):
        if _MONTH.fullmatch(month) and entry.mode == FOLDER:
            files = folder_entries(ledger.store, entry)
            ledger.store.warm(_blobs(files))
            yield month, {name: file for name, file in sorted(files.items()) if file.mode in (FILE, EXECUTABLE)}


def _blobs(files: Mapping[str, TreeEntry]) -> Iterator[Oid]:
    return (file.oid for name, file in files.items() if name.endswith(".md"))


def _created(ledger: LedgerSnapshot, memo: TreeEntry) -> bytes:
    """The day that a memo names; empty for one that names none, or is too large to be one."""
    if ledger.store.size(memo.oid) > MAX_MEMO_BYTES:
        return b""
    found = _CREATED.search(ledger.store.get(memo.oid, MAX_MEMO_BYTES))
    return found[1] if found else b""


def _day_in(month: str, when: bytes) -> str:
    """The day as folders; the month's first where the document does not tell a day of this month."""
    text = when[: len("2026-11-29")].decode("ascii", "replace")
    return day_of(text if re.fullmatch(rf"{month}-\d\d", text) else f"{month}-01")


def _require_person(bus: Transport, ledger: LedgerSnapshot, trust: Trust) -> None:
    principal = trust.verifier(ledger).principals.get(bus.key)
    known = principal is not None and bool(principal.roles & FILING_ROLES)
    if not known and ledger.charter.trust.missions != "remote":
        raise Refused("only who may file missions moves the archive (role=author or role=admin in allowed_signers)")
