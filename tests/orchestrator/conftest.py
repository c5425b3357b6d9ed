"""What do the tests of running somebody's work share?"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from orchestrator.adapters.sandbox.bubblewrap import Bubblewrap
from orchestrator.adapters.sandbox.none import NoSandbox
from orchestrator.core.ports.sandbox import Confinement, Sandbox
from orchestrator.execution.process.runner import CommandResult, run
from tests.conftest import lacking
from tests.orchestrator.repositories import Server
from tests.waiting import PATIENCE, SELDOM, SOON


@pytest.fixture(scope="session")
def bubblewrap() -> Bubblewrap:
    """A sandbox that works here."""
    sandbox = Bubblewrap()
    why = sandbox.missing()
    if why:
        lacking(why)
    return sandbox


@dataclass(kw_only=True)
class Shell:
    """Runs lines of shell in a workspace, through a sandbox or without."""

    folder: Path
    sandbox: Sandbox
    said: list[str] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)
    confinement: Callable[..., Confinement] = Confinement

    @property
    def tree(self) -> Path:
        """The folder that the command may write."""
        return self.folder / "tree"

    def __call__(
        self, line: str, *, timeout: float = PATIENCE, environment: Mapping[str, str] | None = None, **limits: object
    ) -> CommandResult:
        env = {"PATH": "/usr/bin:/bin", "HOME": str(self.folder / "home"), **(environment or {})}
        confinement = self.confinement(writable=self.tree, environment=env, **limits)
        return run(
            self.sandbox.command(["/bin/sh", "-c", line], confinement),
            folder=self.tree,
            environment=env,
            output=self.folder / "output.log",
            timeout=timeout,
            stop=self.stop,
            say=self.said.append,
        )


def _shell(folder: Path, sandbox: Sandbox) -> Shell:
    (folder / "tree").mkdir()
    (folder / "home").mkdir()
    return Shell(folder=folder, sandbox=sandbox)


@pytest.fixture
def plain(tmp_path: Path) -> Shell:
    """A shell without a sandbox."""
    return _shell(tmp_path, NoSandbox())


@pytest.fixture
def confined(tmp_path: Path, bubblewrap: Bubblewrap) -> Shell:
    """A shell in bubblewrap."""
    return _shell(tmp_path, bubblewrap)


@pytest.fixture
def server(tmp_path: Path) -> Server:
    """A bare repository with one commit on main."""
    return Server.make(tmp_path)


def living(word: str) -> list[int]:
    """Processes whose command line holds `word`, this one excepted. What has ended has none, also before it is reaped.

    Read from /proc itself: who waits for an end looks often, and psutil makes an object for each process.
    """
    found = []
    for name in os.listdir("/proc"):  # noqa: PTH208 - these are numbers
        if name.isdecimal() and int(name) != os.getpid():
            with suppress(OSError):
                words = Path(f"/proc/{name}/cmdline").read_bytes()
                found += [int(name)] if word.encode() in words else []
    return found


def gone(word: str, *, seconds: float = PATIENCE) -> bool:
    """Whether no process with `word` in its command line is left within `seconds`."""
    over, pause = time.monotonic() + seconds, SOON
    while living(word):
        if time.monotonic() > over:
            return False
        time.sleep(pause)
        pause = min(pause * 1.2, SELDOM)
    return True
