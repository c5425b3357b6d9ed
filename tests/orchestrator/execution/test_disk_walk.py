"""Facts about how much lies below a folder."""

from __future__ import annotations

import os
from pathlib import Path

from orchestrator.execution.disk_walk import measure


def test_a_file_with_several_names_counts_once(tmp_path: Path) -> None:
    """Stores of packages and build folders are full of them; each name is a file nevertheless."""
    (tmp_path / "a").write_bytes(b"x" * 1_000_000)
    for name in "bcd":
        os.link(tmp_path / "a", tmp_path / name)
    *_, found = measure([tmp_path])
    assert (found.size, found.files) == ((tmp_path / "a").stat().st_blocks * 512, 4)
