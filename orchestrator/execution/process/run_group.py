"""How does the kernel bound a run's processes as a group, sockets' buffers and files in memory included?

By a control group (cgroup v2) of its own: what the watch sees only twice a second, the kernel holds at every
moment. Its files are described in the kernel's Documentation/admin-guide/cgroup-v2.rst.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from orchestrator.core.disk_space import MIB
from orchestrator.core.ports.sandbox import Confinement

CPU_WEIGHT = 20
"""A run's share of a busy processor; everything else has 100. On a quiet machine it takes what it likes."""
ENTER = 'echo 0 2>/dev/null >"$0"; exec "$@"'
"""The shell enters the group before it becomes the command, so nothing is ever begun outside. Where it may not (the
group was taken away meanwhile), the run is bounded as without one."""
SETTLE_SECONDS = 1.0
"""How long the end of a killed group's last process is waited for."""


class RunGroup(Protocol):
    """One run's group."""

    def command(self, argv: Sequence[str]) -> list[str]:
        """The command line that runs `argv` in it."""

    def exceeded(self, leader: int, *, killed: bool = False) -> str:
        """What the kernel refused the run that `leader` began; empty when nothing. `killed`: a signal has ended it."""

    def close(self) -> None:
        """Ends what is left in it, and takes it away."""


class GroupSource(Protocol):
    """Where groups of runs come from on this machine."""

    @property
    def kind(self) -> str:
        """How it does it, for people."""

    def open(self, name: str, confinement: Confinement) -> RunGroup:
        """A new group with these bounds. Raises OSError."""


@dataclass(frozen=True, kw_only=True)
class NoGroup:
    """Where the system lets this user have none: the node's watch and each process's own limits bound the run."""

    def command(self, argv: Sequence[str]) -> list[str]:
        """`argv` as it is."""
        return list(argv)

    def exceeded(self, leader: int, *, killed: bool = False) -> str:
        """Nothing: nobody counts."""
        return ""

    def close(self) -> None:
        """Nothing is there."""


@dataclass(frozen=True, kw_only=True)
class OwnGroup:
    """A group that this node made in a folder of the kernel's that is its own."""

    folder: Path
    confinement: Confinement

    def command(self, argv: Sequence[str]) -> list[str]:
        """`argv`, begun by a shell that is already in the group."""
        return ["/bin/sh", "-c", ENTER, str(self.folder / "cgroup.procs"), *argv]

    def exceeded(self, leader: int, *, killed: bool = False) -> str:
        """By the group's own counters."""
        return refused(self.folder, self.confinement)

    def close(self) -> None:
        """Kills what is left (Linux 5.14 and later) and removes the folder; one that stays goes at the next start."""
        remove(self.folder)


@dataclass(frozen=True, kw_only=True)
class OwnGroups:
    """Groups below `parent`, a folder of the kernel's that this node may change."""

    parent: Path
    kind: str

    def open(self, name: str, confinement: Confinement) -> OwnGroup:
        """A folder with its bounds. Raises OSError."""
        folder = self.parent / f"run-{os.getpid()}-{name}"
        folder.mkdir()
        try:
            for file, value in bounds(confinement):
                write(folder / file, value)
        except OSError:
            remove(folder)
            raise
        return OwnGroup(folder=folder, confinement=confinement)


def bounds(confinement: Confinement) -> list[tuple[str, str]]:
    """The files of a group and what they shall hold; those of controllers that the machine lacks are left out.

    Of swap a run may take as much again: with none, a small machine would end runs that fit today. `oom.group`, since
    half a run is no run: its result would look like the command's own failure.
    """
    memory = str(confinement.all_memory_mib * MIB) if confinement.all_memory_mib else "max"
    return [
        ("memory.max", memory),
        ("memory.swap.max", memory),
        ("memory.oom.group", "1"),
        ("pids.max", str(confinement.processes or "max")),
        ("cpu.weight", str(CPU_WEIGHT)),
    ]


OPTIONAL = frozenset({"memory.swap.max", "memory.oom.group", "cpu.weight"})
"""What an older kernel, or one without swap or without the processor's controller, does not have."""


def write(file: Path, value: str) -> None:
    """One value into one file of a group. Raises OSError, but not for a file that only some machines have."""
    if file.name in OPTIONAL and not file.exists():
        return
    with file.open("r+", encoding="ascii") as target:  # makes no file where the kernel has none
        target.write(value)


def refused(folder: Path, confinement: Confinement) -> str:
    """What a group's counters say it was refused; empty when nothing, or when it is gone."""
    if counted(folder / "memory.events", ("oom_kill", "oom_group_kill")):
        return beyond_memory(confinement)
    if counted(folder / "pids.events", ("max",)):
        return f"it had more than {confinement.processes} processes and threads at once"
    return ""


def beyond_memory(confinement: Confinement) -> str:
    """Why a run that took too much memory was ended."""
    return f"its processes took more than {confinement.all_memory_mib:,} MiB of memory together"


def counted(file: Path, names: Sequence[str]) -> int:
    """The sum of some lines of a file of counters; 0 when it cannot be read."""
    try:
        lines = file.read_text("ascii").splitlines()
    except OSError:
        return 0
    pairs = (line.split() for line in lines)
    return sum(int(pair[1]) for pair in pairs if len(pair) == 2 and pair[0] in names)


def remove(folder: Path) -> None:
    """Ends what is in a group and takes it away, waiting a moment for the last process. Never raises."""
    with contextlib.suppress(OSError):
        write(folder / "cgroup.kill", "1")
    over = time.monotonic() + SETTLE_SECONDS
    while folder.is_dir() and time.monotonic() < over:
        with contextlib.suppress(OSError):
            folder.rmdir()
            return
        time.sleep(0.005)
