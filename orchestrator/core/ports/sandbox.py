"""What may a command touch, and what does a sandbox promise of it?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

PROXY_PORT = 3128
"""Where a sandboxed run finds its line to the outside, on its own loopback."""


RUN_VARIABLE = "SHIFTBOOK_RUN"
"""The variable that tells a run's processes from everybody else's; every sandbox lets it through."""


@dataclass(frozen=True, kw_only=True)
class Confinement:
    """What a command may touch. Paths are absolute; everything that is not named is read-only or hidden.

    `memory_mib` bounds each process's writable memory, `file_mib` each file; a limit of 0 is none. What bounds all of
    a run together is watched by the node while it runs: `processes`, `all_memory_mib`, `disk_mib`, `files`. `HOME`, if
    `environment` names one, is an empty folder that is thrown away, unless it is among `kept`. `readable` are further
    trees that are shown read-only (an agent's own program), `kept` further folders that may be written and stay.
    `line` is a Unix socket through which, and only through which, the network is reached (`network` stays off):
    what runs inside finds it as an HTTP proxy on its own loopback, at PROXY_PORT. `hidden` are paths in the workspace
    that look empty to it, where they are there. `views` are pairs of a path and another at which it is shown read-only;
    `also_at` is a further place of the workspace, protected and hidden there as here: what a project's set-up left
    names files by the path at which it ran. `ordinary_user`: inside it is never root, as far as the system allows that;
    databases refuse to start as root.
    """

    writable: Path
    protected: tuple[Path, ...] = ()
    hidden: tuple[Path, ...] = ()
    readable: tuple[Path, ...] = ()
    kept: tuple[Path, ...] = ()
    views: tuple[tuple[Path, Path], ...] = ()
    also_at: Path | None = None
    line: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    network: bool = False
    ordinary_user: bool = False
    memory_mib: int = 4096
    processes: int = 512
    file_mib: int = 2048
    cpu_seconds: int | None = None
    all_memory_mib: int = 8192
    disk_mib: int = 20480
    files: int = 2_000_000


class Sandbox(Protocol):
    """A way to run somebody else's command so that it can do no harm outside its workspace."""

    @property
    def name(self) -> str:
        """What it is called in a result."""

    def missing(self) -> str | None:
        """Why it does not work on this machine, found by trying it; None when it does."""

    def command(self, argv: Sequence[str], confinement: Confinement) -> list[str]:
        """The command line that runs `argv` confined, with `confinement.writable` as its working folder.

        Start it with `confinement.environment` (and RUN_VARIABLE) as its whole environment: on a command line, keys can
        be read by every user of the machine. It takes away any other variable that this process has.
        When the process that starts this command line dies, by SIGKILL too, so does everything inside.
        """
