"""Facts about how much lies below a folder."""

from __future__ import annotations

import itertools
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from orchestrator.core.ports.sandbox import Confinement
from orchestrator.execution.disk_walk import descriptors_in_flight, measure
from orchestrator.execution.process import resource_watch
from orchestrator.execution.process.resource_watch import ResourceWatch

NOBODY = 65534


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


@contextmanager
def ordinary_user() -> Iterator[None]:
    """Nothing is closed to root: what is done meanwhile is done as nobody where the tests run as root."""
    root = os.geteuid() == 0
    os.seteuid(NOBODY if root else os.geteuid())
    try:
        yield
    finally:
        os.seteuid(0 if root else os.geteuid())


def test_a_folder_that_is_closed_to_its_owner_hides_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run that took the room ends when it has folders that nobody can look into."""
    closed, real, taken = tmp_path / "work" / "closed", os.statvfs(tmp_path), [0]
    closed.mkdir(parents=True)
    (closed / "big").write_bytes(b"x")

    def told(_path: Path) -> os.statvfs_result:
        return os.statvfs_result((*real[:4], real.f_bavail - taken[0] // real.f_frsize, *real[5:]))

    monkeypatch.setattr(resource_watch.os, "statvfs", told)
    monkeypatch.chdir(tmp_path)  # nobody may not come here from the root folder
    confinement = Confinement(writable=Path("work"), disk_mib=60, processes=0, all_memory_mib=0)
    watch = ResourceWatch(confinement, os.getpid())
    closed.chmod(0)
    taken[0] = 80 << 20
    with ordinary_user():
        found = watch.exceeded_limit()
    closed.chmod(0o700)
    assert found is not None
    assert found.why == "the disk lost more than 60 MiB, and it has folders that cannot be looked into"


def test_memory_that_is_in_flight_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of memory that were sent and not received are in no list of a process; that there are some is."""
    taken = [0]
    monkeypatch.setattr(resource_watch, "shared_memory_bytes", lambda: taken[0])
    hours = itertools.count(0.0, 3600.0).__next__  # it looks each time, however many tasks the machine has
    watch = ResourceWatch(Confinement(writable=tmp_path, processes=0, all_memory_mib=8192), os.getpid(), clock=hours)
    here, there = socket.socketpair()
    with here, there, os.fdopen(os.memfd_create("x"), "wb") as file:
        taken[0] = 9 << 30
        assert watch.exceeded_limit() is None  # somebody else's
        socket.send_fds(here, [b"x"], [file.fileno()])
        found = watch.exceeded_limit()
    assert found is not None
    assert found.why == "memory lost more than 8,192 MiB, and it has files in flight between its processes"


def test_a_socket_that_is_closed_meanwhile_hides_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that opens and closes sockets all the time would have nothing in flight."""
    here, there = socket.socketpair()
    read = Path.read_bytes

    def closing(path: Path) -> bytes:
        if path.name == str(here.fileno()):
            raise FileNotFoundError(path)
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", closing)
    with here, there, os.fdopen(os.memfd_create("x"), "wb") as file:
        before = descriptors_in_flight([os.getpid()])
        socket.send_fds(here, [b"x"], [file.fileno()])
        assert descriptors_in_flight([os.getpid()]) == before + 1
