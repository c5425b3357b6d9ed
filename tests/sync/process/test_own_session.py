"""A program that a terminal's Ctrl-C does not reach, not even in the moment in which it begins."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Sequence

import pytest

from sync.process import own_session

FLOOD = textwrap.dedent(
    """
    import os, signal, sys, time
    group, over = int(sys.argv[1]), time.monotonic() + 30
    while time.monotonic() < over and os.getppid() == group:
        os.killpg(group, signal.SIGINT)
        time.sleep(float(sys.argv[2]))
    """
)
STARTS = textwrap.dedent(
    """
    import os, signal, subprocess, sys, time
    from sync.process import own_session
    own_session.MAX_STARTS = 100_000  # a slow machine may meet any number of signals in a row
    os.setpgid(0, 0)  # as a shell starts what stands in a terminal's foreground
    signal.signal(signal.SIGINT, lambda number, frame: None)
    flood = subprocess.Popen([sys.executable, "-c", sys.argv[1], str(os.getpid()), sys.argv[2]], start_new_session=True)
    def start():
        global made
        made += 1
        return subprocess.Popen(["sleep", "60"], stdin=subprocess.PIPE, start_new_session=True)
    made = 0
    begun = [own_session.begin(start) for _ in range(60)]
    time.sleep(0.05)
    lived = sum(each.poll() is None for each in begun)
    flood.kill()
    for each in (flood, *begun):
        each.kill()
        each.wait()
    print(made, lived)
    """
)


def test_a_ctrl_c_in_the_moment_of_its_start_ends_no_program() -> None:
    """Under one SIGINT every few milliseconds every program begins; some only when they are started again."""
    made, lived = (int(word) for word in _python(STARTS, FLOOD, "0.003").split())
    assert lived == 60
    assert made >= lived


def test_a_start_that_never_became_its_program_is_made_again() -> None:
    """The first two end before they are one; the third counts."""
    ended = [_ended_before_exec(), _ended_before_exec()]
    begun = subprocess.Popen(["sleep", "60"])
    starts = [*ended, begun]
    try:
        assert own_session.begin(lambda: starts.pop(0)) is begun
        assert [each.returncode for each in ended] == [-signal.SIGINT, -signal.SIGINT]
    finally:
        begun.kill()
        begun.wait()


def test_whoever_presses_on_gets_what_that_does() -> None:
    """No start is made for ever."""
    made: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        made.append(_ended_before_exec())
        return made[-1]

    assert own_session.begin(start) is made[-1]
    assert len(made) == own_session.MAX_STARTS
    assert made[-1].wait() == -signal.SIGINT


def test_a_program_that_sigint_ends_later_is_not_started_again() -> None:
    """It was what it should be, and may have done something."""
    made: list[int] = []

    def start() -> subprocess.Popen[bytes]:
        process = subprocess.Popen(["/bin/sh", "-c", "kill -INT $$"], start_new_session=True)
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        made.append(process.pid)
        return process

    assert own_session.begin(start).wait() == -signal.SIGINT
    assert len(made) == 1


def test_run_has_all_that_a_program_says() -> None:
    """Exit code, both outputs, what it reads, where it runs and what it sees."""
    line = 'cat; echo "$0 $WORD $PWD" >&2; exit 3'
    done = own_session.run(["/bin/sh", "-c", line], timeout=30, stdin=b"in", folder="/", environment={"WORD": "word"})
    assert (done.returncode, done.stdout, done.stderr) == (3, b"in", b"/bin/sh word /\n")
    assert own_session.run(["cat"], timeout=30).stdout == b""


def test_run_ends_what_takes_too_long() -> None:
    """It raises, and nothing of it is left."""
    began = time.monotonic()
    with pytest.raises(subprocess.TimeoutExpired):
        own_session.run(["sleep", "60"], timeout=0.05)
    assert time.monotonic() - began < 30


def test_it_has_a_session_of_its_own() -> None:
    """It leads it."""
    done = own_session.run([sys.executable, "-c", "import os; print(os.getpid() == os.getsid(0))"], timeout=60)
    assert done.stdout == b"True\n"


def _ended_before_exec() -> subprocess.Popen[bytes]:
    """A process that was forked and that SIGINT ended before it became a program."""
    process = subprocess.Popen(["true"])
    process.wait()
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
        os._exit(1)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    process.pid, process.returncode = pid, None  # type: ignore[assignment]
    return process


def _python(code: str, *words: str) -> str:
    said: Sequence[str] = [sys.executable, "-c", code, *words]
    return subprocess.run(said, capture_output=True, text=True, timeout=100, check=True).stdout
