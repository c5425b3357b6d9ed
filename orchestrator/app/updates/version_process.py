"""How is another version's program asked for something, as a process with an end?"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence


def run_version(words: Sequence[str], seconds: float, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs a version's program with `variables` set, and returns what it said and how it ended.

    Raises OSError, and TimeoutExpired after so many seconds.
    """
    return subprocess.run(
        words,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=seconds,
        check=False,
        stdin=subprocess.DEVNULL,
    )
