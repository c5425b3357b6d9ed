"""Loaded by the nodes of an episode: libfaketime makes time.sleep fail (EINVAL) where only the wall clock is faked, and
signals stop the main thread, where a node's loop is, while all others go on: for a while, or for good. A node whose
loop stands still lets go after minutes; here it does so after seconds."""

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
signal.signal(signal.SIGUSR1, lambda *_: sleep(86400.0))

if bound := os.environ.get("TORTURE_ROUND_BOUND"):
    from orchestrator.node.rounds import loop_progress

    loop_progress.MIN_ROUND_BOUND_SECONDS = float(bound)
