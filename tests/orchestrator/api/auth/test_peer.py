"""Whose program is it that calls? Real connections on loopback, and rows of the kernel's table."""

from __future__ import annotations

import itertools
import os
import socket
import subprocess
import threading
from pathlib import Path

import pytest

from orchestrator.adapters.sandbox.bubblewrap import Bubblewrap
from orchestrator.api.auth.peer import (
    PeerSocket,
    SharedLook,
    find_socket,
    held_sockets,
    is_own_program,
    peer_socket,
    read_tables,
)
from orchestrator.core.ports.sandbox import Confinement
from tests.conftest import lacking
from tests.waiting import PATIENCE

NOBODY = 65534


def row(local: str, remote: str, state: str = "01", user: int = 1000, inode: int = 7) -> str:
    """A row of /proc/net/tcp."""
    return f"   0: {local} {remote} {state} 00000000:00000000 00:00000000 00000000 {user:5} 0 {inode} 1 0 20 4 30 10 -1"


def user_of(connection: socket.socket) -> int | None:
    """Whose the other end is."""
    found = peer_socket(connection)
    return found.user if found else None


@pytest.mark.parametrize(("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")])
def test_a_program_of_mine(family: socket.AddressFamily, host: str) -> None:
    """Over IPv4 and IPv6, also when it has said all that it says; no longer when it is gone."""
    with socket.create_server((host, 0), family=family) as server:
        caller = socket.create_connection(server.getsockname()[:2])
        connection, _ = server.accept()
        with connection:
            assert user_of(connection) == os.geteuid()
            caller.shutdown(socket.SHUT_WR)
            assert is_own_program(connection)
            caller.close()
            assert not is_own_program(connection)


def test_what_is_closed_meanwhile_hides_no_other_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A browser closes a descriptor while its descriptors are read: it still holds the others."""
    for number, target in enumerate(("socket:[77]", "/dev/null", "gone", "socket:[78]")):
        (tmp_path / "fd").mkdir(exist_ok=True)
        (tmp_path / "fd" / str(number)).symlink_to(target)
    read = os.readlink

    def closing(path: str) -> str:
        if read(path) == "gone":
            Path(path).unlink()
        return read(path)

    monkeypatch.setattr(os, "readlink", closing)
    assert held_sockets(tmp_path) == {77, 78}


def test_a_program_of_somebody_else() -> None:
    """The same call by another user."""
    if os.geteuid() != 0:
        lacking("only root can start a program as another user")
    with socket.create_server(("127.0.0.1", 0)) as server:
        line = f"exec 3<>/dev/tcp/127.0.0.1/{server.getsockname()[1]}; read -r _ <&3"
        with subprocess.Popen(["/bin/bash", "-c", line], user=NOBODY, group=NOBODY, extra_groups=[]) as caller:
            server.settimeout(60)
            connection, _ = server.accept()
            with connection:
                assert user_of(connection) == NOBODY
                assert not is_own_program(connection)
                connection.sendall(b"\n")
            caller.wait(PATIENCE)


def test_a_program_in_a_sandbox(bubblewrap: Bubblewrap, tmp_path: Path) -> None:
    """A run that has the network, and the node's own user, is somebody else's code all the same."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        line = f"exec 3<>/dev/tcp/127.0.0.1/{server.getsockname()[1]}; read -r _ <&3"
        confinement = Confinement(writable=tmp_path, environment={"PATH": "/usr/bin:/bin"}, network=True)
        words = bubblewrap.command(["/bin/bash", "-c", line], confinement)
        with subprocess.Popen(words, env={"PATH": "/usr/bin:/bin"}) as caller:
            server.settimeout(60)
            connection, _ = server.accept()
            with connection:
                assert user_of(connection) == os.geteuid()
                assert not is_own_program(connection)
                connection.sendall(b"\n")
            caller.wait(PATIENCE)


@pytest.mark.parametrize(
    ("rows", "user"),
    [
        ([], None),
        ([row("A:1", "B:2")], 1000),
        ([row("B:2", "A:1")], None),  # the other end of the same connection: this server's own
        ([row("A:1", "B:3", user=5), row("A:1", "B:2", user=6)], 6),  # a port may have more than one connection
        ([row("A:1", "B:2", state="06", user=0, inode=0)], None),
        ([row("A:1", "B:2", user=0, inode=0)], None),  # its program is gone
        ([row("A:1", "B:2", state="0A")], None),
        (["", "odd", row("A:1", "B:2")], 1000),
    ],
)
def test_what_a_row_says(rows: list[str], user: int | None) -> None:
    """Only an open socket with just these two ends tells whose it is."""
    found = find_socket("\n".join(rows), {"A:1"}, {"B:2"})
    assert found == (user and PeerSocket(user=user, inode=7))


def test_a_system_that_does_not_tell(tmp_path: Path) -> None:
    """Without such a table nobody is known, and so nobody is let in by it."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as caller:
        assert peer_socket(caller, lambda: read_tables([tmp_path / "none"])) is None
    assert not is_own_program(None)


def test_hundreds_who_ask_at_once_share_a_look() -> None:
    """A hundred ask while one look is under way: one more serves them all, and none gets what was seen before."""
    looks, all_asked = 0, threading.Event()
    times = itertools.count()

    def clock() -> float:
        now = next(times)
        if now > 100:  # the first asked and began; a hundred have asked since
            all_asked.set()
        return now

    def look() -> int:
        nonlocal looks
        looks += 1
        assert all_asked.wait(PATIENCE)
        return looks

    shared, seen = SharedLook(look=look, clock=clock), list[int]()
    asking = [threading.Thread(target=lambda: seen.append(shared.take())) for _ in range(101)]
    for each in asking:
        each.start()
    for each in asking:
        each.join(PATIENCE)
    assert looks == 2
    assert sorted(seen) == [1, *[2] * 100]


def test_each_look_is_later_than_its_question() -> None:
    """Asked one after the other, each gets a look of its own: what has changed meanwhile is seen."""
    counted = iter(range(10))
    shared = SharedLook(look=lambda: next(counted))
    assert [shared.take() for _ in range(3)] == [0, 1, 2]
