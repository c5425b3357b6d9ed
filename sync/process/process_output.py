"""How is a process's output read, bounded in time and size, and how does it end with all its helpers?"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress

STOP_POLL_SECONDS = 0.3
"""Seconds between two looks at whether a long command was stopped."""


def communicate(
    process: subprocess.Popen[bytes], stdin: bytes, timeout: float, stopped: Callable[[], bool] | None
) -> tuple[bytes, bytes]:
    """Feeds and drains a process, looking every STOP_POLL_SECONDS whether it has been stopped."""
    if stopped is None:
        return process.communicate(stdin, timeout=timeout)
    over = time.monotonic() + timeout
    _feed(process, stdin)
    while True:
        try:
            return process.communicate(timeout=STOP_POLL_SECONDS)
        except subprocess.TimeoutExpired:
            if stopped() or time.monotonic() >= over:
                raise


def _feed(process: subprocess.Popen[bytes], data: bytes) -> None:
    """Writes a process's input and shuts it, beside whoever reads its output.

    After a timeout `Popen.communicate` writes no more of an input that it had begun (Python 3.11), and whoever wrote
    all of it first would wait for a process that waits for its reader.
    """
    assert process.stdin is not None
    pipe, process.stdin = process.stdin, None

    def write() -> None:
        with suppress(BrokenPipeError):  # it ended, or reads no more
            pipe.write(data)
        with suppress(BrokenPipeError):
            pipe.close()

    if len(data) <= select.PIPE_BUF:  # an empty pipe takes so much at once
        write()
    else:
        threading.Thread(target=write, name="input", daemon=True).start()


def read_beginning(
    process: subprocess.Popen[bytes], stdin: bytes, roof: int, over: float, stopped: Callable[[], bool]
) -> tuple[bytes, bool]:
    """What a process prints, up to a roof, and whether it went on. Raises TimeoutError at the end of its time."""
    assert process.stdout is not None
    _feed(process, stdin)
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
