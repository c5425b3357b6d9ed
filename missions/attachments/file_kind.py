"""Which kind has a file that somebody hands in, by its bytes alone, and is it that kind and nothing else?

A picture is read from its first byte to its last: what follows its end, or says other measures than a screen has, is no
picture, nor is what ends as an archive does. So no file is a picture to one reader and a page or an archive to another.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from missions.errors import MissionError

MAX_PIXELS = 40_000_000
"""Pixels of a picture: four bytes for each are held by whoever looks at it."""
MAX_SIDE = 16_384
"""Pixels of its longer side."""
MAX_CHUNKS = 20_000
"""Parts that are read of one picture."""
PNG, JPEG, WEBP, GIF = "image/png", "image/jpeg", "image/webp", "image/gif"
PICTURES = frozenset({PNG, JPEG, WEBP, GIF})
"""What a browser may show as a picture. Never SVG, which can hold a script."""
TEXT, PDF = "text/plain", "application/pdf"
_PNG_SIGN, _JPEG_SIGN = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
_GIF_IMAGE, _GIF_EXTENSION, _GIF_TRAILER = 0x2C, 0x21, 0x3B
_FRAMES = frozenset({*range(0xC0, 0xD0)}) - {0xC4, 0xC8, 0xCC}
"""The marks of a JPEG's frame, which tell its measures."""
_SCAN_END = re.compile(rb"\xff[^\x00\xd0-\xd7]", re.DOTALL)
"""The first mark after a JPEG's scan that is neither stuffed nor a restart."""
_WEBP_HEADS = frozenset({b"VP8X", b"VP8L", b"VP8 "})
_WEBP_PARTS = _WEBP_HEADS | {b"ALPH", b"ANIM", b"ANMF", b"ICCP", b"EXIF", b"XMP "}
"""The parts of a WebP (RFC 9649): what has others is read by somebody else as something else."""
_ARCHIVE_END, MAX_ARCHIVE_END = b"PK\x05\x06", 65_557
"""The head of a ZIP's last part, and how many bytes before a file's end its readers look for it."""


class UnusableFile(MissionError):
    """A file is of no kind that is taken, or not wholly of the kind that it begins as."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(why)


@dataclass(frozen=True, kw_only=True)
class FileKind:
    """A media type; of a picture its measures in pixels, else 0."""

    media: str
    width: int = 0
    height: int = 0


def file_kind(data: bytes) -> FileKind:
    """The kind of a file: PNG, JPEG, WebP, GIF, PDF or text in UTF-8. Raises UnusableFile."""
    for sign, read in _READERS:
        if data.startswith(sign):
            try:
                return read(data)
            except (struct.error, IndexError) as error:
                raise UnusableFile("it ends in the middle") from error
    return _text(data)


def _picture(media: str, width: int, height: int) -> FileKind:
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE and width * height <= MAX_PIXELS):
        raise UnusableFile(f"a picture has at most {MAX_SIDE:,} pixels a side and {MAX_PIXELS:,} in all")
    return FileKind(media=media, width=width, height=height)


def _png(data: bytes) -> FileKind:
    at, found = len(_PNG_SIGN), None
    for _ in range(MAX_CHUNKS):
        size, name = struct.unpack_from(">I4s", data, at)
        end = at + 12 + size
        (crc,) = struct.unpack_from(">I", data, end - 4)
        if crc != zlib.crc32(data[at + 4 : end - 4]):
            raise UnusableFile("it is damaged: a part of the PNG has another sum than it says")
        if (name == b"IHDR") != (found is None):
            raise UnusableFile("it is no PNG: its head stands elsewhere")
        if found is None:
            found = _picture(PNG, *struct.unpack_from(">II", data, at + 8))
        if name == b"IEND":
            return _ending(found, data, end)
        at = end
    raise UnusableFile("its parts are too many")


def _jpeg(data: bytes) -> FileKind:
    at, found = 2, None
    for _ in range(MAX_CHUNKS):
        if data[at] != 0xFF:
            raise UnusableFile("it is no JPEG: a part begins without its mark")
        mark, (size,) = data[at + 1], struct.unpack_from(">H", data, at + 2)
        if mark in _FRAMES:
            height, width = struct.unpack_from(">HH", data, at + 5)
            found = _picture(JPEG, width, height)
        at += 2 + size
        if mark == 0xDA:  # the picture itself: its end is the first mark that is neither stuffed nor a restart
            if found is None:
                raise UnusableFile("it is no JPEG: it has no measures")
            at = _scan_end(data, at)
            if data[at + 1] == 0xD9:
                return _ending(found, data, at + 2)
    raise UnusableFile("its parts are too many")


def _scan_end(data: bytes, at: int) -> int:
    """Where the next part begins."""
    found = _SCAN_END.search(data, at)
    if found is None:
        raise UnusableFile("it ends in the middle")
    return found.start()


def _webp(data: bytes) -> FileKind:
    (size,) = struct.unpack_from("<I", data, 4)
    if data[8:12] != b"WEBP":
        raise UnusableFile("it is of no kind that is taken: PNG, JPEG, WebP, GIF, PDF or text in UTF-8")
    at, end, found = 12, 8 + size, None
    for _ in range(MAX_CHUNKS):
        name, length = struct.unpack_from("<4sI", data, at)
        if name not in _WEBP_PARTS or (found is None and name not in _WEBP_HEADS):
            raise UnusableFile("it is no WebP: it has a part of another kind, or begins with no picture")
        if found is None:
            found = _picture(WEBP, *_webp_measures(name, data[at + 8 : at + 8 + length]))
        at += 8 + length + length % 2
        if at >= end:
            if at > end:
                raise UnusableFile("it ends in the middle")
            return _ending(found, data, end)
    raise UnusableFile("its parts are too many")


def _webp_measures(kind: bytes, head: bytes) -> tuple[int, int]:
    """The width and height in pixels that the first part tells."""
    if kind == b"VP8X":
        width, more_width, height, more_height = struct.unpack_from("<4xHBHB", head)
        return 1 + (width | more_width << 16), 1 + (height | more_height << 16)
    if kind == b"VP8L":
        bits = struct.unpack_from("<xI", head)[0]
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    wide, high = struct.unpack_from("<6xHH", head)
    return wide & 0x3FFF, high & 0x3FFF


def _gif(data: bytes) -> FileKind:
    """GIF87a and GIF89a (https://www.w3.org/Graphics/GIF/spec-gif89a.txt): blocks up to the trailer, nothing behind."""
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    found = _picture(GIF, width, height)
    at = 13 + _colours(flags)
    for _ in range(MAX_CHUNKS):
        sign = data[at]
        if sign == _GIF_TRAILER:
            return _ending(found, data, at + 1)
        if sign == _GIF_IMAGE:
            at = _gif_blocks(data, at + 11 + _colours(data[at + 9]))
        elif sign == _GIF_EXTENSION:
            at = _gif_blocks(data, at + 2)
        else:
            raise UnusableFile("it is no GIF: a part begins without its mark")
    raise UnusableFile("its parts are too many")


def _colours(flags: int) -> int:
    """Bytes of the table of colours that follows."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _gif_blocks(data: bytes, at: int) -> int:
    """Where the part after these blocks begins; each tells its length, an empty one ends them."""
    while size := data[at]:
        at += 1 + size
    return at + 1


def _pdf(data: bytes) -> FileKind:
    if b"%%EOF" not in data[-1024:]:
        raise UnusableFile("it is no whole PDF: its end is missing")
    return FileKind(media=PDF)


def _text(data: bytes) -> FileKind:
    try:
        words = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UnusableFile("it is of no kind that is taken: PNG, JPEG, WebP, GIF, PDF or text in UTF-8") from error
    if not words.strip() or "\0" in words:
        raise UnusableFile("it is empty, or no text")
    return FileKind(media=TEXT)


def _ending(found: FileKind, data: bytes, end: int) -> FileKind:
    if end != len(data):
        raise UnusableFile("something else follows the picture's end, or it ends in the middle")
    if _ARCHIVE_END in data[-MAX_ARCHIVE_END:]:
        raise UnusableFile("it is an archive as well as a picture")
    return found


_READERS: tuple[tuple[bytes, Callable[[bytes], FileKind]], ...] = (
    (_PNG_SIGN, _png),
    (_JPEG_SIGN, _jpeg),
    (b"RIFF", _webp),
    (b"GIF87a", _gif),
    (b"GIF89a", _gif),
    (b"%PDF-", _pdf),
)
