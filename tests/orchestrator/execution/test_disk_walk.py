"""Facts about how much lies below a folder."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from orchestrator.core.ports.sandbox import Confinement
from orchestrator.execution.disk_walk import measure
from orchestrator.execution.process import resource_watch
from orchestrator.execution.process.resource_watch import ResourceWatch


def test_a_file_with_several_names_counts_once(tmp_path: Path) -> None:
    """Stores of packages and build folders are full of them; each name is a file nevertheless."""
    (tmp_path / "a").write_bytes(b"x" * 1_000_000)
    for name in "bcd":
        os.link(tmp_path / "a", tmp_path / name)
    *_, found = measure([tmp_path])
    assert (found.size, found.files) == ((tmp_path / "a").stat().st_blocks * 512, 4)


def test_room_that_somebody_makes_meanwhile_is_not_the_runs_to_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is free may grow for other reasons; what is taken after that is looked at as ever."""
    real, made = os.statvfs(tmp_path), [0]

    def told(_path: Path) -> os.statvfs_result:
        return os.statvfs_result((*real[:4], real.f_bavail + made[0] // real.f_frsize, *real[5:]))

    monkeypatch.setattr(resource_watch.os, "statvfs", told)
    watch = ResourceWatch(Confinement(writable=tmp_path, disk_mib=60, processes=0, all_memory_mib=0), os.getpid())
    with (tmp_path / "big").open("wb") as big:
        os.posix_fallocate(big.fileno(), 0, 80 << 20)
    for much in (30 << 30, (30 << 30) - (80 << 20)):
        made[0] = much
        found = watch.exceeded_limit()
    assert found is not None
    assert found.why == "its files took more than 60 MiB of the disk"


def test_memory_that_is_in_flight_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of memory that were sent and not received are in no list of a process; that there are some is."""
    taken = [0]
    monkeypatch.setattr(resource_watch, "shared_memory_bytes", lambda: taken[0])
    watch = ResourceWatch(Confinement(writable=tmp_path, processes=0, all_memory_mib=8192), os.getpid(), clock=float)
    here, there = socket.socketpair()
    with here, there, os.fdopen(os.memfd_create("x"), "wb") as file:
        taken[0] = 9 << 30
        assert watch.exceeded_limit() is None  # somebody else's
        socket.send_fds(here, [b"x"], [file.fileno()])
        found = watch.exceeded_limit()
    assert found is not None
    assert found.why == "memory lost more than 8,192 MiB, and it has files in flight between its processes"
