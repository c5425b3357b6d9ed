"""How much free space does a run need on the disk? One answer for who claims, who begins, and who must stop.

A node claims and begins where both the fleet's `workspaces.free_gib` and the least that a run needs are free; it stops
what runs below the least. The first is never less than the second: what is claimed is not parked at once.
"""

from __future__ import annotations

import errno
import os
import re
from dataclasses import dataclass
from pathlib import Path

from orchestrator.core.disk_space import GIB, MIB, MIN_FREE_BYTES_RUN, nearest_folder

MIN_FREE_INODES = 10_000
"""Free entries of the file system below which no run begins or goes on; some systems have no such number."""
DISK_FULL_PATTERN = re.compile(r"No space left on device|Disk quota exceeded|\[Errno (?:28|122)\]")
"""How git, Python and other programs say it (ENOSPC, EDQUOT), in the C locale."""
FULL_DISK_REASON = re.compile(r"the disk (?:of \S+ )?is full\b")
"""How every reason of ours begins for which one node's disk parks a mission."""


@dataclass(frozen=True, kw_only=True)
class FreeSpace:
    """What is free on a file system."""

    size: int
    """Bytes that this user may take."""
    inodes: int | None = None
    """Further files that fit; None where the file system has no such number."""

    @classmethod
    def of(cls, system: os.statvfs_result) -> FreeSpace:
        """What a file system says of itself."""
        return cls(size=system.f_bavail * system.f_frsize, inodes=system.f_favail if system.f_files > 0 else None)

    def shortage(self, least: int = 0) -> str:
        """What is missing for a run, in words; empty while `least` bytes and what every run needs are free."""
        if self.size < max(least, MIN_FREE_BYTES_RUN):
            return f"{format_bytes(self.size)} free, {format_bytes(max(least, MIN_FREE_BYTES_RUN))} needed"
        if self.inodes is not None and self.inodes < MIN_FREE_INODES:
            return f"{self.inodes:,} more files fit on it, {MIN_FREE_INODES:,} needed"
        return ""


def free_space(folder: Path) -> FreeSpace:
    """What is free there now, or will be once the folder is made. Raises OSError."""
    return FreeSpace.of(os.statvfs(nearest_folder(folder)))


def disk_full_reason(folder: Path, error: BaseException | None = None) -> str:
    """Why the attempt in `folder` has to wait, in words for a person; "" if there is room."""
    try:
        free = FreeSpace.of(os.statvfs(folder))
    except OSError:
        return ""
    short = free.shortage()
    if not short and not _is_disk_full(error):
        return ""
    return f"the disk is full: {short or f'{format_bytes(free.size)} free'} where {folder} is"


def is_full_disk_reason(reason: object) -> bool:
    """Whether a mission was parked because one node's disk is full, so that another node may well do it."""
    return isinstance(reason, str) and FULL_DISK_REASON.match(reason) is not None


def format_bytes(size: float) -> str:
    """Bytes for people."""
    return f"{size / GIB:.1f} GiB" if size >= GIB / 10 else f"{size / MIB:.1f} MiB"


def _is_disk_full(error: BaseException | None) -> bool:
    while error is not None:
        if (isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)) or DISK_FULL_PATTERN.search(
            str(error)
        ):
            return True
        error = error.__cause__ or error.__context__
    return False
