"""Did an attempt fail for want of room? Then a person has to make some: trying again does not help."""

from __future__ import annotations

import errno
import re
import shutil
from pathlib import Path

from orchestrator.delegation.footprint import LEAST_FREE

WORDS = re.compile(r"No space left on device|Disk quota exceeded|\[Errno (?:28|122)\]")
"""How git, Python and other programs say it (ENOSPC, EDQUOT), in the C locale."""


def full(folder: Path, error: BaseException | None = None) -> str:
    """Why the attempt in `folder` has to wait, in words for a person; "" if there is room."""
    try:
        free = shutil.disk_usage(folder).free
    except OSError:
        return ""
    if free >= LEAST_FREE and not _says_so(error):
        return ""
    return f"the disk is full: {free / 1024 / 1024:,.0f} MiB are left where {folder} is"


def _says_so(error: BaseException | None) -> bool:
    while error is not None:
        if (isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)) or WORDS.search(str(error)):
            return True
        error = error.__cause__ or error.__context__
    return False
