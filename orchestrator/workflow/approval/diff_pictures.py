"""Which pictures does a diff bring, so that whoever decides can look at them? Only those that are wholly in it.

git writes a new binary file into a diff as it is, packed and in base 85 (git-diff(1), --binary). What an agent made is
unpacked here within bounds, and only what is a picture from its first byte to its last is shown: no SVG, no page.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice

from missions.attachments.file_kind import PICTURES, FileKind, UnusableFile, file_kind
from orchestrator.workflow.approval.diff_hunks import diff_digest
from orchestrator.workflow.approval.diff_view import parse_header, split_files

MAX_PICTURES, MAX_TRIED = 12, 40
"""Pictures that are shown, and binary files that are unpacked to find them: each takes time, whatever it holds."""
MAX_PICTURE_BYTES = 4 * 1024 * 1024
"""Bytes of one picture, unpacked from the diff."""
MAX_ALL_BYTES = 16 * 1024 * 1024
"""Bytes that are unpacked of one diff, whether they turn out to be pictures or not."""
MAX_SHOWN_PIXELS = 16_000_000
"""Pixels of one that is shown: a phone holds four bytes for each."""
MAX_PACKING_BYTES = 4096
"""Bytes by which what is packed may be longer than what it holds: zlib adds 11, and 5 for each 16 KiB."""
BEGIN, LITERAL = "GIT binary patch", "literal "
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
"""The first character of a line tells how many bytes it has: A is one."""


@dataclass(frozen=True, kw_only=True)
class DiffPicture:
    """A picture as it is after the change."""

    path: str
    kind: FileKind
    data: bytes


@dataclass(kw_only=True)
class _Room:
    """Bytes that may still be unpacked."""

    left: int = field(default_factory=lambda: MAX_ALL_BYTES)

    def take(self, size: int) -> None:
        """Takes its share. Raises ValueError for what does not fit any more."""
        if not 0 < size <= min(MAX_PICTURE_BYTES, self.left):
            raise ValueError("too large")
        self.left -= size


_last: dict[str, list[DiffPicture]] = {}
"""The pictures of the diff that was looked at last, by its digest: each is asked for in a request of its own."""


def diff_pictures(diff: str) -> list[DiffPicture]:
    """The pictures of a diff, in its order; what is none, is cut or is too large is left out."""
    digest = diff_digest(diff, "")
    found = _last.get(digest)
    if found is None:
        room = _Room()
        binaries = islice((part for part in split_files(diff) if BEGIN in part), MAX_TRIED)
        found = list(islice(chain.from_iterable(_picture(part, room) for part in binaries), MAX_PICTURES))
        _last.clear()
        _last[digest] = found
    return list(found)


def pictures_json(diff: str, commit: str) -> dict[str, object]:
    """The pictures as they are listed. `digest` is that of the diff they are in, as the diff itself tells it."""
    rows = [
        {
            "number": number,
            "path": one.path,
            "media": one.kind.media,
            "width": one.kind.width,
            "height": one.kind.height,
            "size": len(one.data),
        }
        for number, one in enumerate(diff_pictures(diff))
    ]
    return {"items": rows, "digest": diff_digest(diff, commit)}


def _picture(part: Sequence[str], room: _Room) -> Iterator[DiffPicture]:
    begin = part.index(BEGIN)
    try:
        data = _unpacked(part[begin + 1 :], room)
        kind = file_kind(data)
    except (UnusableFile, ValueError, zlib.error):
        return  # the diff says that it is there, and that its content is not shown
    if kind.media in PICTURES and kind.width * kind.height <= MAX_SHOWN_PIXELS:
        yield DiffPicture(path=parse_header(part[:begin]).path, kind=kind, data=data)


def _unpacked(lines: Sequence[str], room: _Room) -> bytes:
    """The file's new content. Raises ValueError and zlib.error where it is not here whole."""
    if not lines or not lines[0].startswith(LITERAL):
        raise ValueError("only what changed is here")
    size = int(lines[0].removeprefix(LITERAL)[:12])
    room.take(size)
    packed = bytearray()
    for line in lines[1:]:
        if not line:
            break
        if len(packed) > size + MAX_PACKING_BYTES:
            raise ValueError("it says another size than it has")
        packed += base64.b85decode(line[1:])[: LETTERS.index(line[0]) + 1]
    unpacking = zlib.decompressobj()
    data = unpacking.decompress(bytes(packed), size + 1)
    if len(data) != size or not unpacking.eof:
        raise ValueError("it says another size than it has")
    return data
