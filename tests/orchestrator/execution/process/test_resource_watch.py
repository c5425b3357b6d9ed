"""Facts about what a run is ended for."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from orchestrator.core.ports.sandbox import Confinement
from orchestrator.execution.process import resource_watch
from orchestrator.execution.process.resource_watch import ResourceWatch
from tests.waiting import until

SHARERS, SHARED_MIB, ALLOWED_MIB = 5, 60, 110
"""Together they hold less than is allowed; all that each sees of it is more, and so is what a look at them adds up to
while they end one after the other: a fifth of it, a quarter, a third, a half, and all."""
PROGRAM = f"""
import os, time
held = bytes([1]) * ({SHARED_MIB} << 20)
for _ in range({SHARERS - 1}):
    if os.fork() == 0:
        break
time.sleep(600)
"""


@pytest.fixture
def leader() -> Iterator[psutil.Process]:
    """The first of the processes, once all of them are there."""
    with subprocess.Popen([sys.executable, "-c", PROGRAM], start_new_session=True) as process:
        found = psutil.Process(process.pid)
        try:
            until(lambda: len(found.children()) == SHARERS - 1, "they share")
            yield found
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def test_who_ends_while_it_is_looked_at_is_ended_for_nothing(
    tmp_path: Path, leader: psutil.Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run is over, and each of its processes that is still there has a larger share of what all of them held."""
    real = resource_watch._proportional_memory_bytes

    def ends_then(process: int, name: bytes) -> int:
        found = real(process, name)
        os.kill(process, signal.SIGKILL)
        until(lambda: real(process, name) == 0, "it is gone")
        return found

    watch = ResourceWatch(Confinement(writable=tmp_path, all_memory_mib=ALLOWED_MIB), leader.pid)
    assert watch.exceeded_limit() is None, "together they hold no more than they may"
    watch._next = 0.0
    monkeypatch.setattr(resource_watch, "_proportional_memory_bytes", ends_then)
    assert watch.exceeded_limit() is None
    assert psutil.pid_exists(leader.pid)
    # Its memory is gone a moment before it is.
    until(lambda: leader.status() == psutil.STATUS_ZOMBIE, "all of them were looked at")


def test_what_is_taken_is_noticed(tmp_path: Path, leader: psutil.Process) -> None:
    """What all hold together counts once, and is too much where less is allowed."""
    watch = ResourceWatch(Confinement(writable=tmp_path, all_memory_mib=SHARED_MIB // 2), leader.pid)
    found = watch.exceeded_limit()
    assert found is not None
    assert found.why == f"its processes took more than {SHARED_MIB // 2} MiB of memory together"
