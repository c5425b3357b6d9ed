"""How is a process's output read, bounded in time and size, and how does it end with all its helpers?"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress

STOP_POLL_SECONDS = 0.3
"""Seconds between two looks at whether a long command was stopped."""


def communicate(
    process: subprocess.Popen[bytes], stdin: bytes, timeout: float, stopped: Callable[[], bool] | None
) -> tuple[bytes, bytes]:
    """Feeds and drains a process, looking every LOOKS seconds whether it has been stopped."""
    if stopped is None:
        return process.communicate(stdin, timeout=timeout)
    over = time.monotonic() + timeout
    rest: bytes | None = stdin
    while True:
        try:
            return process.communicate(rest, timeout=STOP_POLL_SECONDS)
        except subprocess.TimeoutExpired:
            rest = None  # communicate remembers what it has not yet written
            if stopped() or time.monotonic() >= over:
                raise


def read_beginning(
    process: subprocess.Popen[bytes], stdin: bytes, roof: int, over: float, stopped: Callable[[], bool]
) -> tuple[bytes, bool]:
    """What a process prints, up to a roof, and whether it went on. Raises TimeoutError at the end of its time."""
    assert process.stdin is not None
    assert process.stdout is not None
    with suppress(BrokenPipeError):
        process.stdin.write(stdin)
        process.stdin.close()
    process.stdin = None
    found = bytearray()
    while len(found) <= roof:
        if stopped() or time.monotonic() >= over:
            raise TimeoutError
        if select.select([process.stdout], [], [], STOP_POLL_SECONDS)[0]:
            piece = os.read(process.stdout.fileno(), 65536)
            found += piece
            if not piece:
                break
    else:
        return bytes(found[:roof]), True
    process.wait(max(1.0, over - time.monotonic()))
    return bytes(found), False


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """Ends a git with all its helpers."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
