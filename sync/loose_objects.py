"""How is an object written without a process? As a loose one: compressed, under a name of its own (gitformat-loose)."""

from __future__ import annotations

import os
import zlib
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
        _place(path, zlib.compress(b"%s %d\0%s" % (kind.encode(), len(data), data), COMPRESSION))
    return oid


def copy_loose(source: Path, objects: Path, oid: Oid) -> bool:
    """Copies an object that is loose in one `objects` folder into another; False where it is not loose there."""
    path = _path(objects, oid)
    if _freshen(path):
        return True
    try:
        data = _path(source, oid).read_bytes()
    except FileNotFoundError:
        return False
    _place(path, data)
    return True


def _path(objects: Path, oid: Oid) -> Path:
    return objects / oid[:2] / oid[2:]


def _freshen(path: Path) -> bool:
    """Whether it is there; then it is young again, so that no clean-up of what nobody names takes it now."""
    try:
        os.utime(path)
    except FileNotFoundError:
        return False
    except PermissionError:  # somebody else's file
        return path.exists()
    return True


def _place(path: Path, data: bytes) -> None:
    """All or nothing: whoever reads meanwhile sees the whole object or none."""
    path.parent.mkdir(exist_ok=True)
    files.replace(path, data, durable=False, mode=0o444)
