"""How much of this machine's disk does a node take, and how much is left?"""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from missions.plain_data import read_json
from orchestrator.core.disk_space import nearest_folder
from orchestrator.execution.disk_walk import measure
from orchestrator.execution.free_space import format_bytes
from orchestrator.execution.workspace.attempt_dirs import AttemptDirs
from sync import files

DISK_USAGE_FILE = "disk.json"
"""In the home folder: what the last count found."""


@dataclass(frozen=True, kw_only=True)
class DiskUsage:
    """What a node's folders take, in bytes, and when that was counted (UTC text; empty: never)."""

    work: int = 0
    chats: int = 0
    clones: int = 0
    ledger: int = 0
    free: int = 0
    total: int = 0
    folders: int = 0
    """Folders of attempts."""
    counted: str = ""

    @property
    def says(self) -> str:
        """In words."""
        if not self.counted:
            return f"{format_bytes(self.free)} free; a node counts the rest when it starts"
        parts = (("attempts", self.work), ("chats", self.chats), ("clones of projects", self.clones))
        kept = ", ".join(f"{what} {format_bytes(size)}" for what, size in parts)
        folders = f"{self.folders} folder{'' if self.folders == 1 else 's'} of attempts"
        return f"{format_bytes(self.free)} free; {kept} ({folders})"


def folder_bytes(folder: Path) -> int:
    """Bytes on disk of a folder with all that is in it; what cannot be read counts nothing."""
    size = 0
    for found in measure([folder]):
        size = found.size
    return size


def measure_disk_usage(home: Path, now: datetime) -> DiskUsage:
    """Counts what a home folder holds now. Takes as long as there are files."""
    usage = shutil.disk_usage(nearest_folder(home))
    return DiskUsage(
        work=folder_bytes(home / "work"),
        chats=folder_bytes(home / "chats"),
        clones=folder_bytes(home / "cache"),
        ledger=folder_bytes(home / "ledger.git"),
        free=usage.free,
        total=usage.total,
        folders=sum(1 for _ in AttemptDirs(home / "work").every()),
        counted=now.astimezone(UTC).isoformat(timespec="seconds"),
    )


def last_disk_usage(home: Path) -> DiskUsage:
    """What the node of this home folder takes, as it was last counted (at its start, and every hour); free is now."""
    try:
        known = DiskUsage(**read_json((home / DISK_USAGE_FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        known = DiskUsage()
    usage = shutil.disk_usage(nearest_folder(home))
    return DiskUsage(**{**asdict(known), "free": usage.free, "total": usage.total})


def write_disk_usage(home: Path, now: datetime) -> None:
    """Counts, and writes down what was found. Raises OSError."""
    text = json.dumps(asdict(measure_disk_usage(home, now)))
    files.replace(home / DISK_USAGE_FILE, text, durable=False)  # counted again within the hour
