"""What do the tests of running somebody's work share?"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from orchestrator.adapters.sandbox.bubblewrap import Bubblewrap
from orchestrator.adapters.sandbox.none import NoSandbox
from orchestrator.core.ports.sandbox import Confinement, Sandbox
from orchestrator.execution.process.runner import CommandResult, run
from tests.conftest import lacking
from tests.orchestrator.repositories import Server


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
        self, line: str, *, timeout: float = 60, environment: Mapping[str, str] | None = None, **limits: object
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
    """Processes whose command line holds `word`, this one excepted."""
    found = []
    for each in psutil.process_iter(["cmdline", "status"]):
        words = each.info["cmdline"] or []
        if each.info["status"] != psutil.STATUS_ZOMBIE and any(word in part for part in words):
            found.append(each.pid)
    return found


def gone(word: str, *, seconds: float = 60) -> bool:
    """Whether no process with `word` in its command line is left within `seconds`."""
    over = time.monotonic() + seconds
    while living(word):
        if time.monotonic() > over:
            return False
        time.sleep(0.02)
    return True
