"""Loaded by the nodes of an episode: libfaketime makes time.sleep fail (EINVAL) where only the wall clock is faked, and
a signal stops the main thread, where a node's loop is, while all others go on."""

from __future__ import annotations

import os
import select
import signal
import time


def sleep(seconds: float) -> None:
    """As time.sleep, by a system call that libfaketime leaves alone."""
    ends = time.monotonic() + seconds
    while (left := ends - time.monotonic()) > 0:
        select.select([], [], [], left)


time.sleep = sleep
signal.signal(signal.SIGUSR2, lambda *_: sleep(float(os.environ.get("TORTURE_HANG_SECONDS", "0"))))
