"""How are many objects written at once? As one pack with its index (gitformat-pack), instead of a file for each."""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

from sync import files
from sync.loose_objects import deflate, write_loose, write_loose_durably
from sync.objects import object_id
from sync.remote import Oid

PACK_FROM = 60
"""Objects from which on a pack is made: fewer are cheaper as files, and each pack is one more place to look."""

_KINDS = {"commit": 1, "tree": 2, "blob": 3}


def write_objects(objects: Path, found: Sequence[tuple[str, bytes]], *, durable: bool = False) -> list[Oid]:
    """Writes kinds with contents into a repository's `objects` folder and returns their names.

    In the order that they come in, or all in one moment: whoever is stopped has left no object that names a later one.
    With `durable` a power cut leaves each whole or not there, as git's own packs and unlike git's loose objects
    (git-config(1), core.fsync).
    """
    if len(found) < PACK_FROM:
        if durable:
            return write_loose_durably(objects, found)
        return [write_loose(objects, kind, data) for kind, data in found]
    oids = [object_id(kind, data) for kind, data in found]
    _write_pack(objects / "pack", dict(zip(oids, found, strict=True)), durable=durable)
    return oids


def naming_folders(objects: Path, written: Sequence[Oid]) -> set[Path]:
    """The folders in which the names stand of what `write_objects` wrote at once."""
    if len(written) < PACK_FROM:
        return {objects, *(objects / oid[:2] for oid in written)}
    return {objects / "pack"}


def _write_pack(folder: Path, found: dict[Oid, tuple[str, bytes]], *, durable: bool) -> None:
    """Nothing in it is a difference to another object: `git gc` finds those."""
    pack, entries = bytearray(struct.pack(">4sLL", b"PACK", 2, len(found))), list[tuple[bytes, int, int]]()
    for oid, (kind, data) in found.items():
        entry = _head(_KINDS[kind], len(data)) + deflate(data)
        entries.append((bytes.fromhex(oid), zlib.crc32(entry), len(pack)))
        pack += entry
    checksum = hashlib.sha1(pack, usedforsecurity=False).digest()
    place = folder / f"pack-{checksum.hex()}.pack"
    folder.mkdir(exist_ok=True)
    index = place.with_suffix(".idx")
    parts = {place: bytes(pack + checksum), index: _index(sorted(entries), checksum)}  # git looks for it: it goes last
    if durable:
        files.place_all(parts, mode=0o444)
        return
    for path, data in parts.items():
        files.replace(path, data, durable=False, mode=0o444)


def _head(kind: int, size: int) -> bytes:
    """What stands before an object: its kind, and its size in pieces of four and then seven bits, the lowest first."""
    out, piece, size = bytearray(), kind << 4 | size & 15, size >> 4
    while size:
        out.append(piece | 128)
        piece, size = size & 127, size >> 7
    return bytes([*out, piece])


def _index(entries: Sequence[tuple[bytes, int, int]], pack: bytes) -> bytes:
    """Version 2: how many names begin with up to each byte, the names, their checksums, where each stands."""
    begin = [name[0] for name, _, _ in entries]
    counts, upto = [0] * 256, 0
    for first in begin:
        counts[first] += 1
    fan = [upto := upto + count for count in counts]
    body = b"".join(
        (
            b"\xfftOc",
            struct.pack(">L256L", 2, *fan),
            b"".join(name for name, _, _ in entries),
            struct.pack(f">{len(entries)}L", *(crc for _, crc, _ in entries)),
            struct.pack(f">{len(entries)}L", *(at for _, _, at in entries)),
            pack,
        )
    )
    return body + hashlib.sha1(body, usedforsecurity=False).digest()
