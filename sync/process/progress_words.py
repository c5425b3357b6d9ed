"""Which of git's words on standard error only tell how far it is? They are a sign of life, and nothing for a person."""

from __future__ import annotations

import os
import re
from typing import IO

MAX_SAID_BYTES = 8 * 1024 * 1024
"""Of standard error that is kept in memory, the end of it: what went wrong is said last."""
PROGRESS = re.compile(
    rb"(?:remote: )?(?:[A-Z][A-Za-z ]*: +\d+% \(\d+/\d+\).*"
    rb"|(?:Enumerating objects|Counting objects|Checking connectivity): +\d+(?:, done\.?)?|Total \d+ \(delta .*)"
)
"""One state of git's progress (progress.c), of its own or of a server's, and the sum that git-pack-objects(1) says."""


def said_bytes(said: IO[bytes]) -> int:
    """How much has come on standard error that is written into this file."""
    return os.fstat(said.fileno()).st_size


def read_said(said: IO[bytes]) -> bytes:
    """What was said at last, up to MAX_SAID_BYTES, without its progress."""
    said.seek(max(0, said_bytes(said) - MAX_SAID_BYTES))
    return without_progress(said.read(MAX_SAID_BYTES))


def without_progress(said: bytes) -> bytes:
    """The lines that tell more than how far it is. A carriage return takes back what stands before it."""
    lines = (line.rstrip(b"\r").rpartition(b"\r")[2] for line in said.split(b"\n"))
    return b"\n".join(line for line in lines if not PROGRESS.fullmatch(line.rstrip()))
