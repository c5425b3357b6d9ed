"""Which processes belong together."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from orchestrator.execution.process.process_tree import process_tree, session_members

CHILD = "import subprocess, sys, time; one = subprocess.Popen([sys.executable, '-c', {inner!r}]{how}); "
SLEEP = "import time; print('here', flush=True); time.sleep(60)"


@contextmanager
def _started(code: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A process in a session of its own, with the number of the one that it has started."""
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        lines = {process.stdout.readline().strip() for _ in range(2)}
        (child,) = (int(line) for line in lines - {"here"})
        try:
            yield process, child
        finally:
            for number in (child, process.pid):
                subprocess.run(["/bin/kill", "-9", str(number)], check=False, stderr=subprocess.DEVNULL)


def test_a_child_in_another_session_is_of_the_tree() -> None:
    """What has left the session is still found by whose child it is."""
    code = CHILD.format(inner=SLEEP, how=", start_new_session=True") + "print(one.pid, flush=True); time.sleep(60)"
    with _started(code) as (process, child):
        assert set(process_tree(process.pid)) == {process.pid, child}
        assert set(session_members(process.pid)) == {process.pid}


def test_what_has_lost_its_parent_is_found_by_its_session() -> None:
    """Also when the leader has ended and was waited for: a session keeps its number until it is empty."""
    code = CHILD.format(inner=SLEEP, how="") + "print(one.pid, flush=True)"
    with _started(code) as (process, child):
        process.wait()
        assert set(session_members(process.pid)) == {child}


def test_strangers_are_in_no_tree() -> None:
    """A process that began nothing is alone, and one that is gone leaves none."""
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as process:
        assert list(process_tree(process.pid)) == [process.pid]
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert list(session_members(process.pid)) == []
