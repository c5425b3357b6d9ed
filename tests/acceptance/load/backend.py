"""The model backend of a load run: a process that is killed and comes back, and when that was."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.servers import free_port
from tests.waiting import PATIENCE

GRACE = 1.0
"""Seconds after the first good answer in which an error that began before may still arrive."""


@dataclass
class Outage:
    """From the kill to the first good answer afterwards; monotonic seconds."""

    killed: float
    started: float = 0.0
    over: float = 0.0


@dataclass
class Backend:
    """The stand-in's process, always on the same port."""

    port: int = field(default_factory=free_port)
    outages: list[Outage] = field(default_factory=list)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """As SHIFTBOOK_OPENAI_URL takes it."""
        return f"http://127.0.0.1:{self.port}/v1"

    def start(self) -> None:
        """Starts it and waits until it listens."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.acceptance.load.standin", str(self.port)],
            cwd=Path(__file__).parents[3],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == b"ready\n", "the stand-in does not start"

    def kill(self) -> None:
        """SIGKILL."""
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process = None

    def outage(self, seconds: float, answers: Callable[[], bool]) -> None:
        """Dies, stays away, returns; waits until an answer comes through it again."""
        outage = Outage(killed=time.monotonic())
        self.outages.append(outage)
        self.kill()
        time.sleep(seconds)
        self.start()
        outage.started = time.monotonic()
        while not answers():
            assert time.monotonic() < outage.started + PATIENCE, "the node does not find its backend again"
            time.sleep(0.25)
        outage.over = time.monotonic()

    def excuses(self, began: float, ended: float) -> bool:
        """Whether a call at that time may have found no backend."""
        return any(each.killed <= ended and (not each.over or began <= each.over + GRACE) for each in self.outages)
