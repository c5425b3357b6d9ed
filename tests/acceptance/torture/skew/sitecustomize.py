"""Loaded by nodes under libfaketime, which makes time.sleep fail (EINVAL) where only the wall clock is faked."""

from __future__ import annotations

import select
import time


def sleep(seconds: float) -> None:
    """As time.sleep, by a system call that libfaketime leaves alone."""
    ends = time.monotonic() + seconds
    while (left := ends - time.monotonic()) > 0:
        select.select([], [], [], left)


time.sleep = sleep
