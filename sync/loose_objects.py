"""How is an object written without a process? As a loose one: compressed, under a name of its own (gitformat-loose)."""

from __future__ import annotations

import os
import zlib
from collections.abc import Sequence
from pathlib import Path

from sync import files
from sync.objects import object_id
from sync.remote import Oid

_COMPRESSION = 1
"""As fast as it goes: `git gc` packs all of it again."""
_SMALL, _SMALL_WINDOW, _SMALL_MEMORY = 4096, 12, 4
"""Bytes up to which a window of as many, 2 ** 12, holds all, and the least memory with which that does not compress
worse. To set up what zlib takes by itself, 256 KiB, is four fifths of what a small object costs."""


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
    return deflate(b"%s %d\0%s" % (kind.encode(), len(data), data))


def deflate(data: bytes) -> bytes:
    """As objects lie in files and packs (RFC 1950)."""
    if len(data) > _SMALL:
        return zlib.compress(data, _COMPRESSION)
    small = zlib.compressobj(_COMPRESSION, zlib.DEFLATED, _SMALL_WINDOW, _SMALL_MEMORY)
    return small.compress(data) + small.flush()


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
