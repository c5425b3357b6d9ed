"""As what may a kept file be shown? By its bytes alone: text, a picture that is nothing else, or a download."""

from __future__ import annotations

from codecs import BOM_UTF16_BE, BOM_UTF16_LE, BOM_UTF32_BE

from missions.attachments.file_kind import PICTURES, TEXT, UnusableFile, file_kind
from missions.evidence.bundle import OCTETS

MAX_SHOWN_PIXELS = 16_000_000
"""Pixels of a picture: a phone that shows it holds four bytes for each."""


def shown_media(data: bytes) -> str:
    """A media type of which a browser runs nothing. SVG and HTML are text."""
    if data.startswith((BOM_UTF16_LE, BOM_UTF16_BE, BOM_UTF32_BE)):  # UTF-32's other mark begins as the first
        return TEXT
    try:
        kind = file_kind(data)
    except UnusableFile:
        return OCTETS
    fits = kind.width * kind.height <= MAX_SHOWN_PIXELS
    return kind.media if kind.media == TEXT or (kind.media in PICTURES and fits) else OCTETS
