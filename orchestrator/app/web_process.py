"""How does a node keep its web server alive beside itself, and end it when it ends, however that happens?

The server is a process of its own, so that a crash of one never ends the other. It holds the reading end of a pipe
whose other end only the node has: the kernel closes that even when the node is killed, and the server ends.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Protocol

from missions.plain_data import read_json
from orchestrator.core.events import Tell
from orchestrator.core.own_installation import reinstall_command
from orchestrator.core.roles import PAGE_SWITCH, RolePolicy
from sync.backoff import Backoff
from sync.process import own_session

RECORD_FILE = "http.json"
"""Where it is written, in the home folder, at which address this node serves and with which process."""
RESTART = Backoff(first=1.0, limit=300.0)
"""Seconds before it is started again; twice as long each time, until it has lived for a while. Starting takes most of
a second of a core, and an idle node has one in a hundred."""
STABLE_SECONDS = 60.0
STOP_TIMEOUT_SECONDS = 90.0
"""Seconds that it may take to end after SIGTERM: more than its answers may take to be told."""


class WebProcess(Protocol):
    """The server's process, as `subprocess` has it."""

    @property
    def pid(self) -> int:
        """By which its record in the home folder is told from another's."""

    def poll(self) -> int | None:
        """The exit code, or None while it runs."""

    def wait(self) -> int:
        """The exit code, once it has ended."""

    def send_signal(self, sig: int, /) -> None:
        """Sends a signal, unless it has ended."""


BeginWeb = Callable[[int, IO[bytes]], WebProcess]
"""Begins the server's process. It inherits the pipe, by whose end it ends, and says what it has to say to the file."""


def begin_interpreter(pipe: int, said: IO[bytes]) -> WebProcess:
    """Begins it as a Python of its own."""
    return own_session.begin(
        lambda: subprocess.Popen(
            [sys.executable, "-P", "-m", "orchestrator", *serve_words(pipe)],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            pass_fds=(pipe,),
            start_new_session=True,  # Ctrl-C is for the node, which then drains this
        )
    )


def serve_words(pipe: int) -> list[str]:
    """What stands behind `shiftbook` in its command line."""
    return ["serve", "--parent", str(pipe)]


class WebServer:
    """The web server of the node whose home this is; `begin` is how its process comes to be."""

    def __init__(
        self, home: Path, tell: Tell, *, begin: BeginWeb = begin_interpreter, policy: RolePolicy | None = None
    ) -> None:
        self.home, self.tell, self._begin, self._policy = home, tell, begin, policy
        self._process: WebProcess | None = None
        self._ending, self._renewing = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="web", daemon=True)

    def start(self) -> None:
        """Starts it, and goes on doing so when it ends by itself."""
        self._thread.start()

    def renew(self) -> None:
        """Has it tell its running answers to their end and start anew, with the settings as they are now."""
        self._renewing.set()
        self._signal(signal.SIGTERM)

    def drain(self) -> None:
        """Has it take nothing new and tell its running answers to their end. Returns at once."""
        self._ending.set()
        self._signal(signal.SIGTERM)

    def cut(self) -> None:
        """Has it end without that. Returns at once."""
        self._ending.set()
        self._signal(signal.SIGQUIT)

    def stop(self) -> None:
        """Drains it and waits."""
        self.drain()
        self._thread.join(timeout=STOP_TIMEOUT_SECONDS)
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        process = self._process
        if process is not None and process.poll() is None:
            process.send_signal(number)

    def _run(self) -> None:
        rest = RESTART.first
        while not self._ending.is_set():
            begun = time.monotonic()
            code = self._live()
            if self._ending.is_set():
                return
            if self._renewing.is_set():
                self._renewing.clear()
                continue
            rest = RESTART.first if time.monotonic() - begun >= STABLE_SECONDS else rest
            self.tell("http", f"the web server ended ({self._why(code)}); it is started again", once=True)
            self._ending.wait(rest)
            rest = RESTART.next(rest)

    def _live(self) -> int:
        """One life of it; returns its exit code."""
        reading, writing = os.pipe()
        try:
            with (self.home / "http.err").open("wb") as said:
                self._process = process = self._begin(reading, said)
        finally:
            os.close(reading)
        try:
            if self._ending.is_set():  # since the last look
                process.send_signal(signal.SIGTERM)
            self._announce(process)
            return process.wait()
        finally:
            os.close(writing)

    def _announce(self, process: WebProcess) -> None:
        while process.poll() is None:
            url = served_at(self.home, process.pid)
            if url:
                self.tell("http", serving_words(url, self._policy))
                return
            time.sleep(0.1)

    def _why(self, code: int) -> str:
        said = (self.home / "http.err").read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return said[-1].removeprefix("shiftbook: ")[:300] if said else f"code {code}"


def serving_words(url: str, policy: RolePolicy | None) -> str:
    """What a person is told who has just had this node serve: the address, and where the page is, or why it is not."""
    said = f"serving at {url}"
    if policy is None:
        return said
    if not policy.page:
        return f"{said}, but no page: {PAGE_SWITCH} has a {policy.role.value} serve the page and devices"
    from mobile_bridge.built_page import is_built

    if is_built():
        return f"{said}; the page is {url}/app/"
    return f"{said}, but no page: none is in this installation; `{reinstall_command()}` builds it"


def served_at(home: Path, pid: int | None = None) -> str:
    """The URL at which this home's node serves, by the process `pid` if that is given; empty where it does not."""
    try:
        record = read_json((home / RECORD_FILE).read_text(encoding="utf-8"))
        return str(record["url"]) if pid in (None, record["pid"]) else ""
    except (OSError, ValueError, KeyError, TypeError):
        return ""
