"""How much disk is free, and how much must stay so?"""

from __future__ import annotations

import shutil
from pathlib import Path

MIB, GIB = 1024**2, 1024**3
MIN_FREE_BYTES_DOWNLOAD = 256 * MIB
"""What a download leaves: it ends by itself and its size is known before."""
MIN_FREE_BYTES_RUN = 512 * MIB
"""Below this no attempt, test or tool goes on: nobody knows how much it will write."""
DEFAULT_FREE_GIB = MIN_FREE_BYTES_RUN / GIB
"""Below this no attempt is begun; fleet.toml may say otherwise (`workspaces.free_gib`)."""
MIN_FREE_BYTES_DOCTOR = 2 * GIB
"""Below this `shiftbook doctor` warns: room for a clone, a model and some attempts."""


def free_bytes(folder: Path) -> int:
    """Bytes that are free where a folder is, or will be. Raises OSError."""
    return shutil.disk_usage(nearest_folder(folder)).free


def nearest_folder(folder: Path) -> Path:
    """The folder, or the nearest above it that is there."""
    return next(place for place in (folder, *folder.parents) if place.exists())
