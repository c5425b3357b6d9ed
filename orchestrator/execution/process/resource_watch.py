"""Does a run take more of this machine than it may: processes, memory, disk?

A watcher in the node, because the kernel's own limits do not reach that far: RLIMIT_NPROC exempts root, RLIMIT_DATA
bounds each process and not all together, RLIMIT_FSIZE each file and not their number. It looks often enough to end a
run before the machine suffers; it cannot keep a run from taking much within one look.
"""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from orchestrator.core.disk_space import MIB
from orchestrator.core.ports.sandbox import Confinement
from orchestrator.execution.disk_walk import (
    descriptors_in_flight,
    measure,
    memory_file_bytes,
    shared_memory_bytes,
    unlinked_bytes,
)
from orchestrator.execution.free_space import FreeSpace
from orchestrator.execution.process.process_tree import process_tree
from orchestrator.execution.process.run_group import NoGroup, RunGroup

PAGE_BYTES = resource.getpagesize()
CHECK_SECONDS = 0.5
"""How often everything is looked at."""


@dataclass(frozen=True, kw_only=True)
class LimitExceeded:
    """Why a run must end. `crowded` is that the machine has no more room, whoever took it."""

    why: str
    disk_full: bool = False


class ResourceWatch:
    """Watches the run that the process `leader` began in its `group`. `clock` is in seconds."""

    def __init__(
        self,
        confinement: Confinement,
        leader: int,
        *,
        group: RunGroup = NoGroup(),  # noqa: B008  # it has no state
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._may, self._leader, self._group, self._clock = confinement, leader, group, clock
        self._next, self._calm = 0.0, 0
        self._places = (confinement.writable, *confinement.kept)
        self._begun, self._device = os.statvfs(confinement.writable), confinement.writable.stat().st_dev
        self._measured, self._counted = 0, 0
        self._shared = shared_memory_bytes()

    def exceeded_limit(self) -> LimitExceeded | None:
        """What it takes too much of; None while all is well. Costs some µs, and some ms now and then."""
        if why := self._disk():
            return why
        if self._clock() < self._next and _task_count() - self._calm < self._may.processes:
            return None
        self._calm, self._next = _task_count(), self._clock() + CHECK_SECONDS
        return self._processes()

    def _processes(self) -> LimitExceeded | None:
        if why := self._group.exceeded(self._leader):
            return LimitExceeded(why=why)
        found: set[int] = set()
        for each in process_tree(self._leader):
            found.add(each)
            if 0 < self._may.processes < len(found):
                return LimitExceeded(why=f"it had more than {self._may.processes} processes at once")
        most = self._may.all_memory_mib * MIB
        if most and _takes_more(most, found) and _takes_more(most, set(process_tree(self._leader))):
            return LimitExceeded(
                why=f"its processes took more than {self._may.all_memory_mib:,} MiB of memory together"
            )
        shared = shared_memory_bytes()
        self._shared = min(self._shared, shared)
        if most and shared - self._shared > most and descriptors_in_flight(found):
            much = f"memory lost more than {self._may.all_memory_mib:,} MiB"
            return LimitExceeded(why=f"{much}, and it has files in flight between its processes")
        return None

    def _disk(self) -> LimitExceeded | None:
        now = os.statvfs(self._may.writable)
        if now.f_bavail > self._begun.f_bavail:
            self._begun = now  # somebody made room: what is taken from now on counts from there
        gone = (self._begun.f_bavail - now.f_bavail) * now.f_frsize
        files = self._begun.f_ffree - now.f_ffree
        self._measured, self._counted = min(self._measured, gone), min(self._counted, files)
        low = FreeSpace.of(now).shortage()
        most = self._may.disk_mib * MIB
        if (most and gone - self._measured > most) or files - self._counted > self._may.files or low:
            self._measured, self._counted = gone, files  # not asked again before as much more is gone
            return self._measure() or (LimitExceeded(why=f"the disk is full: {low}", disk_full=True) if low else None)
        return None

    def _measure(self) -> LimitExceeded | None:
        """Whether it was this run that took the room."""
        most, running = self._may.disk_mib * MIB, list(process_tree(self._leader))
        nameless = unlinked_bytes(running, self._device)
        for found in measure(self._places):
            if found.size + nameless > most > 0:
                return LimitExceeded(why=f"its files took more than {self._may.disk_mib:,} MiB of the disk")
            if found.files > self._may.files:
                return LimitExceeded(why=f"it made more than {self._may.files:,} files")
        if self._measured > most > 0:
            hidden = "folders that cannot be looked into" if found.hidden else ""
            hidden = hidden or ("files in flight between its processes" if descriptors_in_flight(running) else "")
            why = f"the disk lost more than {self._may.disk_mib:,} MiB, and it has {hidden}"
            return LimitExceeded(why=why) if hidden else None
        return None


def _takes_more(most: int, processes: Collection[int]) -> bool:
    """Whether these take more bytes of memory together. One look is no proof: while sharers end, one after the other,
    each of those that are left has a larger share than those had that were read before it, and their sum is too large.
    """
    return sum(map(_memory_bytes, processes)) + memory_file_bytes(processes) > most and _shared_once(processes) > most


def _task_count() -> int:
    """How many processes and threads this machine has: one number, by which a flood is noticed at once."""
    return int(Path("/proc/loadavg").read_bytes().split()[3].split(b"/")[1])


def _memory_bytes(process: int) -> int:
    """Bytes of memory of a process; what several share is counted for each."""
    try:
        resident, mapped = map(int, Path(f"/proc/{process}/statm").read_bytes().split()[1:3])
        shared = _sum_proc_fields(f"/proc/{process}/status", (b"RssShmem:",))
    except OSError:
        return 0
    return (resident - mapped) * PAGE_BYTES + shared


def _shared_once(processes: Collection[int]) -> int:
    """Bytes of memory of all together, what they share counted once; slow. Memory files count mapped or not."""
    names = (b"Pss_Anon:", b"Pss_Shmem:")
    own, shared = (sum(_proportional_memory_bytes(each, name) for each in processes) for name in names)
    return own + max(shared, memory_file_bytes(processes))


def _proportional_memory_bytes(process: int, name: bytes) -> int:
    """One kind of a process's memory, each sharer counted for its share."""
    try:
        return _sum_proc_fields(f"/proc/{process}/smaps_rollup", (name,))
    except PermissionError:
        return _memory_bytes(process) if name == b"Pss_Anon:" else 0
    except OSError:
        return 0


def _sum_proc_fields(path: str, names: tuple[bytes, ...]) -> int:
    with open(path, "rb") as lines:  # noqa: PTH123  # read for each process at each look
        return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(names))
