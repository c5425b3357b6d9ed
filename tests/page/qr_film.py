"""What does a browser's camera see that looks at the code of a link? A film of one frame, played again and again."""

from __future__ import annotations

from pathlib import Path

import segno

VIDEO = (640, 480)
"""Pixels of what the camera sees."""


def seen_by(film: Path) -> tuple[str, str]:
    """The words with which Chromium has a camera that plays it."""
    return "--use-fake-device-for-media-stream", f"--use-file-for-fake-video-capture={film}"


def show_code(link: str, film: Path) -> None:
    """Writes the film of a link's code."""
    rows = [bytes(255 * (not module) for module in row) for row in segno.make(link, error="l", micro=False).matrix]
    (width, height), border = VIDEO, 4
    scale = min(VIDEO) // (len(rows) + 2 * border)
    picture = bytearray(b"\xff" * (width * height))
    left, top = ((edge - scale * len(rows)) // 2 for edge in VIDEO)
    for at, row in enumerate(rows):
        wide = bytes(module for module in row for _ in range(scale))
        for line in range(top + at * scale, top + (at + 1) * scale):
            picture[line * width + left : line * width + left + len(wide)] = wide
    head = f"YUV4MPEG2 W{width} H{height} F10:1 Ip A1:1 C420jpeg\nFRAME\n".encode()
    film.write_bytes(head + bytes(picture) + b"\x80" * (width * height // 2))
