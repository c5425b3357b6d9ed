"""Whose program is the peer, at the other end of a connection on this machine?

The kernel knows to which user each socket belongs, and tells it in /proc/net/tcp (proc(5)) to everybody. So the owner's
own programs need no token on loopback, and there is nothing to keep or to type. Another user's program needs one, and
what runs in a sandbox or a container, too: its user may be the owner, and it is somebody else's code.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Any

TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
OPEN_STATES = frozenset({"01", "04", "05", "08"})
"""Established, or closed by one side only (include/net/tcp_states.h). What has ended belongs to nobody: user 0."""


@dataclass(frozen=True, kw_only=True)
class PeerSocket:
    """The other end of a connection on this machine: whose it is, and its number among this machine's sockets."""

    user: int
    inode: int


def peer_socket(connection: socket.socket, tables: Iterable[Path] = TABLES) -> PeerSocket | None:
    """The socket at the other end; None where this system does not tell, or it is not on this machine."""
    try:
        theirs, ours = _spellings(connection.getpeername()), _spellings(connection.getsockname())
    except OSError:
        return None
    for table in tables:
        try:
            found = find_socket(table.read_text(encoding="ascii"), theirs, ours)
        except (OSError, ValueError):
            continue
        if found is not None:
            return found
    return None


def find_socket(table: str, local: set[str], remote: set[str]) -> PeerSocket | None:
    """The open socket between these two addresses, as the table tells it."""
    for one, other in product(local, remote):
        at = table.find(f" {one} {other} ")
        while at >= 0:  # there may be an older one, which has ended
            words = table[at:].partition("\n")[0].split()
            if len(words) > 8 and words[2] in OPEN_STATES and words[8] != "0":
                return PeerSocket(user=int(words[6]), inode=int(words[8]))
            at = table.find(f" {one} {other} ", at + 1)
    return None


def is_own_program(connection: socket.socket | None) -> bool:
    """Whether the other end of a connection is held by programs of this process's user, and outside of any sandbox."""
    peer = None if connection is None else peer_socket(connection)
    return peer is not None and peer.user == os.geteuid() and _held_beside_us(peer.inode)


@lru_cache(maxsize=256)
def _held_beside_us(inode: int) -> bool:
    """Whether only processes in this one's namespaces hold a socket. A socket's number is not given twice."""
    holders = list(_holders(inode))
    try:
        return bool(holders) and all(_namespaces(each) == _namespaces(Path("/proc/self")) for each in holders)
    except OSError:
        return False  # it has ended, or may not be looked at


def _holders(inode: int) -> Iterator[Path]:
    """The processes of this user that hold a socket."""
    wanted = f"socket:[{inode}]"
    for process in (each for each in Path("/proc").iterdir() if each.name.isdigit()):
        try:
            if process.stat().st_uid == os.geteuid() and wanted in map(os.readlink, _descriptors(process)):
                yield process
        except OSError:
            continue


def _descriptors(process: Path) -> Iterator[str]:
    with os.scandir(process / "fd") as found:
        yield from (each.path for each in found)


def _namespaces(process: Path) -> tuple[str, ...]:
    return tuple(str((process / "ns" / name).readlink()) for name in ("user", "pid"))


def _spellings(address: Any) -> set[str]:
    """An address and port as the tables write them. IPv4 may stand among IPv6."""
    found = ipaddress.ip_address(str(address[0]).partition("%")[0])
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    every = {found, *([mapped] if mapped else [])}
    every |= {ipaddress.IPv6Address(f"::ffff:{one}") for one in every if isinstance(one, ipaddress.IPv4Address)}
    return {f"{_words(one.packed)}:{int(address[1]):04X}" for one in every}


def _words(packed: bytes) -> str:
    """Words of 32 bits, each in the byte order of this machine."""
    words = (packed[at : at + 4] for at in range(0, len(packed), 4))
    return "".join(f"{int.from_bytes(word, byteorder=sys.byteorder):08X}" for word in words)
