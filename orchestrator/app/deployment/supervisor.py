"""How does the supervisor that started this node learn that it is ready, that its loop moves, that it ends?

The protocol is sd_notify(3): one datagram on a Unix socket for each thing said. Without a supervisor nothing is said.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass

from orchestrator.core.background import run_in_background
from orchestrator.core.events import Tell

SOCKET, WATCHDOG, WATCHDOG_PID = "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"
FEEDS_PER_TIMEOUT = 3
"""How often the watchdog is fed in the time after which it bites: one datagram may come late."""
SEND_SECONDS = 5.0
"""Seconds that a full queue at the supervisor may hold up what is said to it."""
READY, STOPPING, ALIVE = "READY=1", "STOPPING=1", "WATCHDOG=1"
START_SECONDS = 3600
"""Seconds that a node may take from its start until it is ready, as when it brings a large database to its schema."""


@dataclass(frozen=True, kw_only=True)
class Supervisor:
    """Who started this process and wants to know how it is. `address` is a path, or @ and a name; empty: nobody."""

    tell: Tell
    address: str = ""
    watchdog_seconds: float = 0.0
    """Seconds without a sign of life after which it ends this process; 0: it has no watchdog."""

    def environment(self, pid: int) -> dict[str, str]:
        """What tells a program of whom this process `pid` is the work: for another one that takes its place."""
        watchdog = {WATCHDOG: str(round(self.watchdog_seconds * 1_000_000)), WATCHDOG_PID: str(pid)}
        return ({SOCKET: self.address} if self.address else {}) | (watchdog if self.watchdog_seconds else {})

    def ready(self, words: str) -> None:
        """The node works: from here on a sign of life is waited for no longer than was set at the start."""
        self.say(READY, f"STATUS={words}", *self._wait(self.watchdog_seconds))

    def hand_over(self, words: str) -> None:
        """Another program takes this process, and is silent until it is ready. systemd, which knows of no start there,
        would end it in the middle of that; https://www.freedesktop.org/software/systemd/man/sd_notify.html says how to
        have it wait."""
        self.say(ALIVE, f"STATUS={words}", *self._wait(max(START_SECONDS, self.watchdog_seconds)))

    def _wait(self, seconds: float) -> list[str]:
        return [f"{WATCHDOG}={round(seconds * 1_000_000)}"] if self.watchdog_seconds else []

    def say(self, *lines: str) -> None:
        """Says something. That it cannot be reached is told to people once: no work depends on it."""
        if not self.address:
            return
        name = f"\0{self.address[1:]}" if self.address.startswith("@") else self.address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as line:
                line.settimeout(SEND_SECONDS)
                line.sendto("\n".join(lines).encode(), name)
        except OSError as error:
            self.tell(
                "service", f"the supervisor at {self.address} cannot be told how this node is: {error}", once=True
            )


def take_supervisor(environment: MutableMapping[str, str], pid: int, tell: Tell) -> Supervisor:
    """The supervisor that the environment names. It is taken out of it: nothing that this node starts may speak for it.

    The watchdog counts for the process that it was meant for, `pid`. What is no number is told, and no watchdog.
    """
    address, wait = environment.pop(SOCKET, ""), environment.pop(WATCHDOG, "")
    meant = environment.pop(WATCHDOG_PID, "")
    if address and not address.startswith(("/", "@")):
        tell("service", f"{SOCKET} is {address!r}, which is no Unix socket: nobody is told how this node is")
        address = ""
    if not wait or meant not in ("", str(pid)):
        return Supervisor(tell=tell, address=address)
    try:
        seconds = int(wait) / 1_000_000
    except ValueError:
        tell("service", f"{WATCHDOG} is {wait!r}, which is no number: the watchdog is not fed")
        seconds = 0.0
    return Supervisor(tell=tell, address=address, watchdog_seconds=max(seconds, 0.0))


def feed_watchdog(supervisor: Supervisor, hangs: Callable[[], bool]) -> Callable[[], None]:
    """Feeds the watchdog in a thread of its own, except while the node's loop hangs. Returns what ends it."""
    if not supervisor.address or not supervisor.watchdog_seconds:
        return lambda: None
    done = threading.Event()

    def run() -> None:
        while not done.is_set():
            if not hangs():
                supervisor.say(ALIVE)
            done.wait(supervisor.watchdog_seconds / FEEDS_PER_TIMEOUT)

    return run_in_background("watchdog", run, done, wait_seconds=SEND_SECONDS)
