"""How are mission files read out of the ledger, whoever put them there?

One that is larger than a mission can be is not read at all: it is quarantined, wherever it stands, and stops nobody.
"""

from __future__ import annotations

from missions import document
from missions.mission import Mission, Quarantined
from sync.objects import FOLDER, TreeEntry, load_tree
from sync.remote import ObjectStore, Oid


def read_mission(store: ObjectStore, path: str, blob: Oid) -> Mission | Quarantined:
    """The mission in a blob, or why it is none. Raises ObjectMissing where the blob is lost."""
    data = mission_bytes(store, blob)
    if data is not None:
        return document.read(path, data)
    stem = path.rsplit("/", 1)[-1].removesuffix(".md")
    reason = f"the file has {store.size(blob):,} bytes; a mission has at most {document.MAX_FILE_BYTES:,}"
    return Quarantined(name=stem, path=path, reason=reason)


def mission_bytes(store: ObjectStore, blob: Oid) -> bytes | None:
    """A mission file's bytes; None for more than a mission can have. Raises ObjectMissing where the blob is lost."""
    if store.size(blob) > document.MAX_FILE_BYTES:
        return None
    return store.get(blob, document.MAX_FILE_BYTES)


def folder_entries(store: ObjectStore, entry: TreeEntry | None) -> dict[str, TreeEntry]:
    """What is in a folder; nothing where there is none, or where what stands there is called one and is none."""
    if entry is None or entry.mode != FOLDER:
        return {}
    try:
        return load_tree(store, entry.oid)
    except ValueError:
        return {}
