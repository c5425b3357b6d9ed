"""Whose program is it that calls? Real connections on loopback, and rows of the kernel's table."""

from __future__ import annotations

import errno
import ipaddress
import itertools
import os
import socket
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import cast

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
from orchestrator.api.auth.socket_diag import TcpEnd, TcpSocket, look_up
from orchestrator.core.ports.sandbox import Confinement
from tests.conftest import lacking
from tests.waiting import PATIENCE

NOBODY = 65534
LOOPBACK = ipaddress.IPv4Address("127.0.0.1")
LISTENS = 10
"""TCP_LISTEN of include/net/tcp_states.h."""


def row(local: str, remote: str, state: str = "01", user: int = 1000, inode: int = 7) -> str:
    """A row of /proc/net/tcp."""
    return f"   0: {local} {remote} {state} 00000000:00000000 00:00000000 00000000 {user:5} 0 {inode} 1 0 20 4 30 10 -1"


def not_asked() -> Sequence[str]:
    """For who must not read the tables."""
    raise AssertionError("the tables were read")


def refuses(_local: TcpEnd, _remote: TcpEnd) -> None:
    """A kernel that lets nobody ask over netlink."""
    raise OSError(errno.EPERM, "not permitted")


def knows_nobody(_local: TcpEnd, _remote: TcpEnd) -> None:
    """A kernel without the module that tells of TCP (tcp_diag): it says that there is no such socket."""


def user_of(connection: socket.socket) -> int | None:
    """Whose the other end is: as the kernel answers, as its tables say, and as is found without netlink."""
    told = [
        peer_socket(connection, not_asked),
        peer_socket(connection, ask=refuses),
        peer_socket(connection, ask=knows_nobody),
    ]
    assert len(set(told)) == 1
    return told[0].user if told[0] else None


@pytest.mark.parametrize(
    ("family", "host", "name"),
    [
        (socket.AF_INET, "127.0.0.1", "127.0.0.1"),
        (socket.AF_INET6, "::1", "::1"),
        (socket.AF_INET6, "::", "127.0.0.1"),
    ],
)
def test_a_program_of_mine(family: socket.AddressFamily, host: str, name: str) -> None:
    """Over IPv4, IPv6 and one among the other, also when it has said all that it says; no longer when it is gone."""
    with socket.create_server((host, 0), family=family, dualstack_ipv6=host == "::") as server:
        caller = socket.create_connection((name, server.getsockname()[1]))
        connection, _ = server.accept()
        with connection:
            assert user_of(connection) == os.geteuid()
            caller.shutdown(socket.SHUT_WR)
            assert is_own_program(connection)
            caller.close()
            assert user_of(connection) is None
            assert not is_own_program(connection)


def test_a_socket_that_listens_at_the_callers_port_is_not_the_caller() -> None:
    """Where the kernel has no connection between two ends it answers with who listens at the first."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_server(("127.0.0.1", 0)) as other:
        at, elsewhere = (TcpEnd(address=LOOPBACK, port=each.getsockname()[1]) for each in (other, server))
        found = look_up(at, elsewhere)
        assert found is not None
        assert (found.user, found.state) == (os.geteuid(), LISTENS)
        with socket.create_connection(server.getsockname()) as caller:
            assert peer_socket(caller, not_asked, lambda *_: found) is None


def test_nobody_is_between_two_ends() -> None:
    """No answer is none: neither is an end at which nobody is, nor one that was."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        at = TcpEnd(address=LOOPBACK, port=server.getsockname()[1])
    assert look_up(at, at) is None
    assert look_up(TcpEnd(address=ipaddress.IPv6Address("::1"), port=at.port), at) is None


def test_a_system_without_netlink(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said as any refusal is."""
    monkeypatch.delattr(socket, "AF_NETLINK")
    at = TcpEnd(address=LOOPBACK, port=1)
    with pytest.raises(OSError, match="not supported"):
        look_up(at, at)


def test_a_link_local_end_is_asked_for_with_its_interface() -> None:
    """Such an address says which machine is meant only together with the interface."""
    asked = list[TcpEnd]()

    class Connection:
        """A connection over interface 3 between two neighbours."""

        def getpeername(self) -> tuple[str, int, int, int]:
            return ("fe80::2%eth1", 5, 0, 3)

        def getsockname(self) -> tuple[str, int, int, int]:
            return ("fe80::1%eth1", 6, 0, 3)

    def ask(local: TcpEnd, _remote: TcpEnd) -> TcpSocket:
        asked.append(local)
        return TcpSocket(state=1, user=5, inode=7)

    assert peer_socket(cast("socket.socket", Connection()), not_asked, ask) == PeerSocket(user=5, inode=7)
    assert asked == [TcpEnd(address=ipaddress.IPv6Address("fe80::2"), port=5, interface=3)]


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
        assert peer_socket(caller, lambda: read_tables([tmp_path / "none"]), refuses) is None
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
