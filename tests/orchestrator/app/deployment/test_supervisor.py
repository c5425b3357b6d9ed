"""Does the supervisor of a service learn how its node is?"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from orchestrator.app.deployment.supervisor import ALIVE, READY, Supervisor, feed_watchdog, take_supervisor
from orchestrator.node.rounds.loop_progress import LoopProgress
from tests.acceptance.fleets import Fleet
from tests.servers import free_port
from tests.supervisor import listening
from tests.waiting import PATIENCE, until

BITES = 0.3
"""Seconds: short, and no promise depends on it."""


class Said:
    """What people were told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def __call__(self, event: str, sentence: str, *, once: bool = False, **facts: Any) -> None:
        self.lines.append(sentence)


def test_said(tmp_path: Path) -> None:
    """One datagram holds all lines; a name that begins with @ is one of the kernel's own."""
    with listening(tmp_path) as supervisor:
        Supervisor(tell=Said(), address=str(supervisor.path)).say(READY, "STATUS=here")
        assert supervisor.next(PATIENCE) == "READY=1\nSTATUS=here"
    told = Said()
    Supervisor(tell=told, address="@shiftbook-nobody-listens").say(READY)
    assert "cannot be told" in told.lines[0]


def test_nobody(tmp_path: Path) -> None:
    """Without a supervisor nothing is said, and one that has gone ends no work: people are told."""
    told = Said()
    Supervisor(tell=told).say(READY)
    assert told.lines == []
    Supervisor(tell=told, address=str(tmp_path / "gone")).say(READY)
    assert len(told.lines) == 1
    assert str(tmp_path / "gone") in told.lines[0]


def test_taken() -> None:
    """What the supervisor set is taken out of the environment: no agent can say that its node lives."""
    environment = {"NOTIFY_SOCKET": "/run/notify", "WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "7", "PATH": "/bin"}
    found = take_supervisor(environment, 7, Said())
    assert (found.address, found.watchdog_seconds, environment) == ("/run/notify", 60.0, {"PATH": "/bin"})


@pytest.mark.parametrize(
    ("environment", "address", "seconds", "words"),
    [
        ({}, "", 0.0, ""),
        ({"NOTIFY_SOCKET": "/n", "WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "8"}, "/n", 0.0, ""),
        ({"NOTIFY_SOCKET": "/n", "WATCHDOG_USEC": "soon"}, "/n", 0.0, "'soon'"),
        ({"NOTIFY_SOCKET": "/n", "WATCHDOG_USEC": "-5"}, "/n", 0.0, ""),
        ({"NOTIFY_SOCKET": "vsock:2:3"}, "", 0.0, "vsock:2:3"),
    ],
)
def test_odd_environment(environment: dict[str, str], address: str, seconds: float, words: str) -> None:
    """What cannot be meant is told and ends nothing; another process's watchdog is not ours."""
    told = Said()
    found = take_supervisor(environment, 7, told)
    assert (found.address, found.watchdog_seconds) == (address, seconds)
    assert words in "".join(told.lines)


def test_watchdog(tmp_path: Path) -> None:
    """It is fed while the loop moves, not while it hangs, and again once it moves."""
    now = [0.0]
    progress = LoopProgress(lambda: now[0], bound=300.0)
    progress.completed()
    with listening(tmp_path) as supervisor:
        one = Supervisor(tell=Said(), address=str(supervisor.path), watchdog_seconds=BITES)
        end = feed_watchdog(one, lambda: progress.stalled)
        try:
            for _ in range(4):
                supervisor.until(ALIVE)
            now[0] = 301.0
            until(lambda: not supervisor.next(BITES), "a hung loop is fed no more: it would bite")
            progress.completed()
            supervisor.until(ALIVE)
        finally:
            end()
        while supervisor.next(0):
            pass
        assert not supervisor.next(BITES)


def test_a_program_that_takes_over_is_waited_for(tmp_path: Path) -> None:
    """As long as for one that is started, and from when it is ready on no longer than was set; without a watchdog
    nothing is said of it."""
    with listening(tmp_path) as supervisor:
        one = Supervisor(tell=Said(), address=str(supervisor.path), watchdog_seconds=60.0)
        one.hand_over("v1.1.0 starts")
        assert supervisor.next(PATIENCE) == "WATCHDOG=1\nSTATUS=v1.1.0 starts\nWATCHDOG_USEC=3600000000"
        one.ready("desk works")
        assert supervisor.next(PATIENCE) == "READY=1\nSTATUS=desk works\nWATCHDOG_USEC=60000000"
        patient = Supervisor(tell=Said(), address=str(supervisor.path), watchdog_seconds=7200.0)
        patient.hand_over("it starts")
        assert supervisor.next(PATIENCE).endswith("WATCHDOG_USEC=7200000000")
        unwatched = Supervisor(tell=Said(), address=str(supervisor.path))
        unwatched.hand_over("it starts")
        assert supervisor.next(PATIENCE) == "WATCHDOG=1\nSTATUS=it starts"


def test_node(tmp_path: Path) -> None:
    """A real node says when it is ready, that it lives, and that it ends; what it starts knows of no supervisor."""
    fleet = Fleet(tmp_path).found("desk")
    with listening(tmp_path) as supervisor:
        served = {"SHIFTBOOK_HTTP": f"127.0.0.1:{free_port()}"}
        process = fleet.start("desk", **supervisor.environment(watchdog_seconds=3), **served)
        said = supervisor.until(READY)
        assert said.splitlines()[1].startswith("STATUS=desk (")
        supervisor.until(ALIVE)
        supervisor.until(ALIVE)
        until(lambda: b"SHIFTBOOK_HTTP" in _environments_below(process.pid), "its web server")
        assert b"NOTIFY_SOCKET" not in _environments_below(process.pid)
        process.terminate()
        supervisor.until("STOPPING=1")
        assert process.wait(PATIENCE) == 0


def _environments_below(pid: int) -> bytes:
    """The environment of whatever a process has started by now, and that has not ended meanwhile."""
    found = b""
    for one in psutil.Process(pid).children():
        with suppress(OSError):
            found += Path(f"/proc/{one.pid}/environ").read_bytes()
    return found


HANGS = """
import sys, time
from pathlib import Path
from orchestrator.node import heartbeat, loop
heartbeat.round_bound = lambda bus: 8.0
real = loop.Node._round
def round_(self, ledger):
    while Path(sys.argv[-1]).exists():
        time.sleep(1)
    return real(self, ledger)
loop.Node._round = round_
from orchestrator.cli import cli
cli(["node", "run"])
"""


@pytest.mark.nightly
def test_bite(tmp_path: Path) -> None:
    """A node whose loop hangs is ended by its watchdog, though its process and all its other threads live."""
    fleet, flag, bites = Fleet(tmp_path).found("desk"), tmp_path / "hang", 3.0
    with listening(tmp_path) as supervisor:
        env = fleet.environment("desk", **supervisor.environment(bites))
        process = subprocess.Popen([sys.executable, "-c", HANGS, str(flag)], env=env, cwd=tmp_path)
        try:
            supervisor.until(READY)
            for _ in range(12):
                supervisor.until(ALIVE)
            flag.touch()
            begun = time.monotonic()
            supervisor.guard(process.pid, bites)
            assert process.wait(PATIENCE) == -signal.SIGABRT
            assert time.monotonic() - begun > bites
        finally:
            process.kill()
            process.wait()


def test_what_takes_this_process_s_place_is_watched_over_as_it_was() -> None:
    """A node that goes over to another version hands its supervisor on, to its own process only."""
    first = {"NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": "60000000"}
    taken = take_supervisor(dict(first), 7, Said())
    handed = taken.environment(7)
    again = take_supervisor(dict(handed), 7, Said())
    assert (again.address, again.watchdog_seconds) == ("/run/x", 60.0)
    child = take_supervisor(dict(handed), 8, Said())
    assert child.watchdog_seconds == 0.0
    assert Supervisor(tell=Said()).environment(7) == {}
