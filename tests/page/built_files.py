"""What stands in a file of the built page? It lies there packed, and nowhere plain."""

from __future__ import annotations

import gzip
from pathlib import Path

PACKED = ".gz"


def text_of(path: Path) -> str:
    """The text of the file that is served under this name."""
    return gzip.decompress(path.with_name(path.name + PACKED).read_bytes()).decode()


def unpacked(built: Path, to: Path) -> Path:
    """The same page with each file plain, as another server than ours would hand it out."""
    for path in (each for each in built.rglob("*") if each.is_file()):
        plain = to / path.relative_to(built).as_posix().removesuffix(PACKED)
        plain.parent.mkdir(parents=True, exist_ok=True)
        data = path.read_bytes()
        plain.write_bytes(gzip.decompress(data) if path.suffix == PACKED else data)
    return to
