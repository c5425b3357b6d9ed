"""A file is what it is from its first byte to its last, or it is refused with a reason."""

from __future__ import annotations

import io
import struct
import sys
import zipfile
from contextlib import suppress
from types import FrameType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from missions.attachments.file_kind import MAX_SIDE, FileKind, UnusableFile, file_kind
from tests.missions.attachments.pictures import gif, jpeg, png, png_part, webp, webp_part

ZIP = b"PK\x05\x06" + bytes(18)
"""A whole archive, which holds nothing."""
GOOD = {
    "png": (png(5, 4), FileKind(media="image/png", width=5, height=4)),
    "jpeg": (jpeg(5, 4), FileKind(media="image/jpeg", width=5, height=4)),
    "webp": (webp(5, 4), FileKind(media="image/webp", width=5, height=4)),
    "webp lossless": (webp(5, 4, b"VP8L"), FileKind(media="image/webp", width=5, height=4)),
    "webp lossy": (webp(5, 4, b"VP8 "), FileKind(media="image/webp", width=5, height=4)),
    "webp with more parts": (
        webp(5, 4, more=webp_part(b"ICCP", b"odd") + webp_part(b"VP8 ", bytes(10)) + webp_part(b"XMP ", b"<x/>")),
        FileKind(media="image/webp", width=5, height=4),
    ),
    "a wide webp": (webp(16_000, 3), FileKind(media="image/webp", width=16_000, height=3)),
    "gif": (gif(5, 4), FileKind(media="image/gif", width=5, height=4)),
    "gif with a comment": (gif(5, 4, more=b"\x21\xfe\x02hi\x00"), FileKind(media="image/gif", width=5, height=4)),
    "pdf": (b"%PDF-1.7\n...\n%%EOF\n", FileKind(media="application/pdf")),
    "text": ("Grüße\n".encode(), FileKind(media="text/plain")),
    "svg": (b"<svg onload='alert(1)'/>", FileKind(media="text/plain")),
    "html": (b"<!doctype html><script>1</script>", FileKind(media="text/plain")),
}
BAD = {
    "a page behind a PNG": png() + b"<script>alert(1)</script>",
    "an archive behind a JPEG": jpeg() + b"PK\x03\x04",
    "a page behind a WebP": webp() + b"<html>",
    "a page in a WebP's own length": webp(more=b"<script>alert(1)</script>"),
    "a page behind a GIF": gif() + b"<html>",
    "an archive in a GIF": gif(more=b"\x21\xfe" + bytes([len(ZIP)]) + ZIP + b"\x00"),
    "a part of no GIF": gif(more=b"<script>"),
    "a cut GIF": gif()[:-1],
    "a part of no WebP": webp(more=webp_part(b"HTML", b"<script>alert(1)</script>")),
    "a WebP's part without its filling": webp(more=b"EXIF" + struct.pack("<I", 3) + b"odd"),
    "a WebP's part that ends elsewhere": webp(more=b"EXIF" + struct.pack("<I", 2**31)),
    "a WebP that begins with no picture": webp(kind=b"EXIF"),
    "a WebP with a short head": b"RIFF" + struct.pack("<I", 16) + b"WEBPVP8X" + struct.pack("<I", 4) + bytes(4),
    "too many parts": webp(more=webp_part(b"EXIF", b"") * 20_000),
    "an archive in a WebP": webp(more=webp_part(b"EXIF", ZIP)),
    "an archive in a PNG": png().replace(png_part(b"IEND", b""), png_part(b"zIPp", ZIP) + png_part(b"IEND", b"")),
    "an archive in a JPEG": jpeg(scan=ZIP),
    "huge in one number": png(4_000_000_000, 1, idat=b""),
    "huge in all": png(16_000, 16_000, idat=b""),
    "a wide JPEG": jpeg(MAX_SIDE + 1, 1),
    "a huge WebP": webp(16_000, 16_000),
    "no pixels": png(0, 5, idat=b""),
    "a part that ends elsewhere": b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 2**31) + b"IHDR",
    "a changed byte": png().replace(b"IDAT", b"IDAU"),
    "a head in the middle": b"\x89PNG\r\n\x1a\n" + png_part(b"IDAT", b"") + png()[8:],
    "no head": b"\x89PNG\r\n\x1a\n" + png_part(b"IEND", b""),
    "a cut PNG": png()[:-5],
    "a cut JPEG": jpeg()[:-1],
    "a JPEG without a frame": b"\xff\xd8\xff\xda" + struct.pack(">H", 2) + b"x\xff\xd9",
    "a RIFF of another kind": b"RIFF" + struct.pack("<I", 4) + b"WAVE",
    "a WebP of nothing": b"RIFF" + struct.pack("<I", 12) + b"WEBPJUNK" + bytes(4) + bytes(10),
    "a PDF without an end": b"%PDF-1.7",
    "GIF": b"GIF89a\x01\x00\x01\x00\x80\x00\x00",
    "a program": b"\x7fELF\x02\x01\x01\x00",
    "an archive": b"PK\x03\x04\x14\x00\xff",
    "zero bytes": b"a\0b",
    "nothing": b"",
    "blanks": b" \n",
}


@pytest.mark.parametrize("name", GOOD)
def test_what_is_taken(name: str) -> None:
    """Each kind with its measures; markup is text like any other, and no picture."""
    data, kind = GOOD[name]
    assert file_kind(data) == kind


@pytest.mark.parametrize("name", BAD)
def test_what_is_refused(name: str) -> None:
    """Polyglots, measures that no screen has, damage, archives, programs: one sentence each."""
    with pytest.raises(UnusableFile, match=r"^\w[^\n]+$"):
        file_kind(BAD[name])


def test_an_archive_is_found_by_its_readers_and_refused() -> None:
    """What is refused as one is an archive: Python's own reader opens it."""
    with zipfile.ZipFile(io.BytesIO(BAD["an archive in a WebP"])) as found:
        assert found.namelist() == []


def test_a_long_scan_is_read_at_once() -> None:
    """Four million stuffed bytes are looked through in one go, not one after the other."""
    data = jpeg(scan=b"\xff\x00" * 2_000_000)
    lines = 0

    def trace(_frame: FrameType, _event: str, _arg: object) -> object:
        nonlocal lines
        lines += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        found = file_kind(data)
    finally:
        sys.settrace(before)
    assert found.media == "image/jpeg"
    assert lines < 1000, "lines of Python that were run"
    with pytest.raises(UnusableFile, match="ends in the middle"):
        file_kind(data[:-2] + b"\xff")


@given(st.sampled_from([png(), jpeg(), webp(), b"%PDF-"]), st.integers(0, 60), st.binary(max_size=80))
def test_nothing_else_is_raised(good: bytes, at: int, junk: bytes) -> None:
    """Whatever the bytes are, they have a kind or are refused."""
    data = good[:at] + junk + good[at + len(junk) :]
    with suppress(UnusableFile):
        assert file_kind(data).media
