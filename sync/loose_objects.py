"""How is an object written without a process? As a loose one: compressed, under a name of its own (gitformat-loose)."""

from __future__ import annotations

import os
import zlib
from collections.abc import Sequence
from pathlib import Path

from sync import files
from sync.objects import object_id
from sync.remote import Oid

COMPRESSION = 1
"""As fast as it goes: `git gc` packs all of it again."""


def write_loose(objects: Path, kind: str, data: bytes) -> Oid:
    """Writes an object into a repository's `objects` folder and returns its name. What is there already stays."""
    oid = object_id(kind, data)
    if not _freshen(path := _path(objects, oid)):
        _place(path, _compressed(kind, data))
    return oid


def write_loose_durably(objects: Path, found: Sequence[tuple[str, bytes]]) -> list[Oid]:
    """The same of several, each on the disk before it has its name: an empty file under it would be taken for it.

    What is there already is written again, for it may be such a file.
    """
    oids = [object_id(kind, data) for kind, data in found]
    places = {Path(_path(objects, oid)): _compressed(*each) for oid, each in zip(oids, found, strict=True)}
    for folder in {place.parent for place in places}:
        folder.mkdir(exist_ok=True)
    files.place_all(places, mode=0o444)
    return oids


def _compressed(kind: str, data: bytes) -> bytes:
    return zlib.compress(b"%s %d\0%s" % (kind.encode(), len(data), data), COMPRESSION)


def _path(objects: Path, oid: Oid) -> str:
    return f"{objects}/{oid[:2]}/{oid[2:]}"


def _freshen(path: str) -> bool:
    """Whether it is there; then it is young again, so that no clean-up of what nobody names takes it now."""
    try:
        os.utime(path)
    except FileNotFoundError:
        return False
    except PermissionError:  # somebody else's file
        return os.path.exists(path)  # noqa: PTH110
    return True


def _place(path: str, data: bytes) -> None:
    """All or nothing: whoever reads meanwhile sees the whole object or none."""
    place = Path(path)
    try:
        files.replace(place, data, durable=False, mode=0o444)
    except FileNotFoundError:
        place.parent.mkdir(exist_ok=True)
        files.replace(place, data, durable=False, mode=0o444)
