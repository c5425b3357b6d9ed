"""Pictures that are made here, byte by byte: no library's reading of them stands between a test and what it says."""

from __future__ import annotations

import struct
import zlib


def png(width: int = 3, height: int = 2, *, idat: bytes | None = None) -> bytes:
    """A grey PNG; `idat` in place of its own data."""
    rows = zlib.compress(b"".join(b"\0" + b"\x80" * width for _ in range(height))) if idat is None else idat
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + png_part(b"IHDR", head) + png_part(b"IDAT", rows) + png_part(b"IEND", b"")


def png_part(name: bytes, data: bytes) -> bytes:
    """One part with its sum."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def jpeg(width: int = 3, height: int = 2, scan: bytes = b"\x12\xff\x00\x34\xff\xd0\x56") -> bytes:
    """The outline of a JPEG: its frame and a scan that nobody decodes."""
    frame = b"\xff\xc0" + struct.pack(">HBHHB", 11, 8, height, width, 1) + b"\x01\x11\x00"
    begin = b"\xff\xda" + struct.pack(">HB", 8, 1) + b"\x01\x00\x00\x3f\x00"
    return b"\xff\xd8\xff\xe0" + struct.pack(">H", 4) + b"ab" + frame + begin + scan + b"\xff\xd9"


def webp(width: int = 3, height: int = 2, kind: bytes = b"VP8X", *, more: bytes = b"") -> bytes:
    """The outline of a WebP; `more` are its further parts."""
    if kind == b"VP8X":
        data = bytes(4) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    elif kind == b"VP8L":
        data = b"\x2f" + struct.pack("<I", (width - 1) | (height - 1) << 14) + bytes(5)
    else:
        data = b"\x10\x02\x00\x9d\x01\x2a" + struct.pack("<HH", width, height)
    parts = webp_part(kind, data) + more
    return b"RIFF" + struct.pack("<I", 4 + len(parts)) + b"WEBP" + parts


def webp_part(name: bytes, data: bytes) -> bytes:
    """One part, filled up to an even length."""
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def gif(width: int = 3, height: int = 2, *, blocks: bytes = b"\x02\x84\x51\x00", more: bytes = b"") -> bytes:
    """The outline of a GIF with two colours; `more` are parts before its picture, `blocks` the picture's data."""
    head = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes(6)
    picture = b"\x2c" + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\x02" + blocks
    return head + more + picture + b"\x3b"
