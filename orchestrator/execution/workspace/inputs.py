"""How does an attempt find its inputs, the files that its mission came with? In a folder that no run can write."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from missions.attachments.attachment import MAX_ALL_BYTES, MAX_ATTACHMENT_BYTES, read_attachments
from missions.attachments.file_kind import UnusableFile, file_kind
from orchestrator.core.errors import WorkspaceFailed
from orchestrator.execution.workspace.tree_walk import remove_tree
from orchestrator.ledger.snapshot import LedgerSnapshot
from sync import files
from sync.errors import SyncError
from sync.objects import find
from sync.place_names import below

FOLDER, VARIABLE = "inputs", "SHIFTBOOK_INPUTS"
READ_ONLY = 0o444


def attached_inputs(ledger: LedgerSnapshot, words: tuple[str, ...]) -> Mapping[str, bytes]:
    """The files that a mission's text names, by name. Raises WorkspaceFailed where one is not what its name says,
    or all are more than a mission comes with."""
    found, left = dict[str, bytes](), MAX_ALL_BYTES
    for one in read_attachments(words):
        entry = find(ledger.store, ledger.tree, one.path)
        try:
            whole = entry is not None and entry.oid == one.oid
            found[one.name] = ledger.store.get(one.oid, MAX_ATTACHMENT_BYTES) if whole else b""
        except SyncError as error:
            raise WorkspaceFailed(f"{one.path}, which it comes with, cannot be read: {error}", lasting=True) from error
        if not whole:
            raise WorkspaceFailed(f"{one.path}, which it comes with, is not there as its text names it", lasting=True)
        left -= len(found[one.name])
        if left < 0:  # put there by hand: whoever files them is told before
            raise WorkspaceFailed(f"what it comes with has more than {MAX_ALL_BYTES:,} bytes in all", lasting=True)
        try:
            file_kind(found[one.name])
        except UnusableFile as error:  # put there by hand
            raise WorkspaceFailed(f"{one.path}, which it comes with: {error.why}", lasting=True) from error
    return found


def lay_inputs(folder: Path, inputs: Mapping[str, bytes]) -> Path | None:
    """Writes them anew into an attempt's folder; None where there are none. Raises OSError."""
    place = folder / FOLDER
    remove_tree(place)
    if not inputs:
        return None
    place.mkdir()
    for name, data in inputs.items():
        files.create(below(place, name), data, mode=READ_ONLY)
    return place
