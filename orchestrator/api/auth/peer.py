"""Whose program is the peer, at the other end of a connection on this machine?

The kernel knows to which user each socket belongs, and tells everybody: when it is asked for one over netlink, and in
/proc/net/tcp (proc(5)), which takes a hundred times as long and is read where netlink is not to be had. So the owner's
own programs need no token on loopback, and there is nothing to keep or to type. Another user's program needs one, and
what runs in a sandbox or a container, too: its user may be the owner, and it is somebody else's code.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
import sys
import threading
import time
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any, Generic, TypeVar

from orchestrator.api.auth.socket_diag import TcpEnd, TcpSocket, look_up

TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
OPEN_STATES = frozenset({"01", "04", "05", "08"})
"""Established, or closed by one side only (include/net/tcp_states.h). What has ended belongs to nobody: user 0."""


@dataclass(frozen=True, kw_only=True)
class PeerSocket:
    """The other end of a connection on this machine: whose it is, and its number among this machine's sockets."""

    user: int
    inode: int


Seen = TypeVar("Seen")


@dataclass(kw_only=True)
class SharedLook(Generic[Seen]):
    """One look at the system for all who ask while it is under way: it takes ms, and hundreds may ask at once.

    Nobody is given what was seen before he asked.
    """

    look: Callable[[], Seen]
    clock: Callable[[], float] = time.monotonic
    _begun: float = float("-inf")
    _seen: Seen | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self) -> Seen:
        """What there is, as seen by a look that began after this call."""
        asked = self.clock()
        with self._lock:
            if self._seen is None or self._begun <= asked:
                begun, seen = self.clock(), self.look()
                self._begun, self._seen = begun, seen
            return self._seen


def read_tables(tables: Sequence[Path] = TABLES) -> tuple[str, ...]:
    """The tables of this machine's sockets, those that it has."""
    found = []
    for table in tables:
        try:
            found.append(table.read_text(encoding="ascii"))
        except (OSError, ValueError):
            continue
    return tuple(found)


def peer_socket(
    connection: socket.socket,
    read: Callable[[], Sequence[str]] = read_tables,
    ask: Callable[[TcpEnd, TcpEnd], TcpSocket | None] = look_up,
) -> PeerSocket | None:
    """The socket at the other end; None where this system does not tell, or it is not on this machine."""
    try:
        theirs, ours = _end(connection.getpeername()), _end(connection.getsockname())
    except OSError:
        return None
    try:
        found = ask(theirs, ours)
        asked = found is not None or ask(ours, theirs) is not None  # a kernel that does not know us can tell of nobody
    except OSError:
        asked = False
    if not asked:
        return next(filter(None, (find_socket(table, _spellings(theirs), _spellings(ours)) for table in read())), None)
    if found is None or f"{found.state:02X}" not in OPEN_STATES or not found.inode:
        return None
    return PeerSocket(user=found.user, inode=found.inode)


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
    peer = None if connection is None else peer_socket(connection, _tables.take)
    return peer is not None and peer.user == os.geteuid() and _known.held_beside_us(peer.inode)


@dataclass(kw_only=True)
class _Verdicts:
    """What was found out of the last sockets. A socket's number is not given twice."""

    most: int = 1024
    _found: OrderedDict[int, bool] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def held_beside_us(self, inode: int) -> bool:
        """Whether only processes in this one's namespaces hold a socket."""
        with self._lock:
            if inode in self._found:
                return self._found[inode]
        verdict = _is_beside_us(_holders.take().get(inode, ()))
        with self._lock:
            self._found[inode] = verdict
            while len(self._found) > self.most:
                self._found.popitem(last=False)
        return verdict


def _is_beside_us(holders: Sequence[Path]) -> bool:
    try:
        return bool(holders) and all(_namespaces(each) == _namespaces(Path("/proc/self")) for each in holders)
    except OSError:
        return False  # it has ended, or may not be looked at


def _find_holders() -> Mapping[int, Sequence[Path]]:
    """The processes of this user that hold each socket."""
    found: dict[int, list[Path]] = defaultdict(list)
    for process in (each for each in Path("/proc").iterdir() if each.name.isdigit()):
        try:
            if process.stat().st_uid == os.geteuid():
                for inode in held_sockets(process):
                    found[inode].append(process)
        except OSError:
            continue
    return found


def held_sockets(process: Path) -> set[int]:
    """The numbers of the sockets that a process holds. What it closes meanwhile is none, and hides none of the others:
    a browser closes something all the time. Raises OSError where the process has ended, or may not be looked at."""
    found = set()
    with os.scandir(process / "fd") as descriptors:
        for each in descriptors:
            with contextlib.suppress(FileNotFoundError):
                found.add(_inode(os.readlink(each.path)))  # noqa: PTH115  # a Path for each of thousands takes twice as long
    return found - {0}


def _inode(target: str) -> int:
    """The number of the socket that a descriptor leads to; 0 for anything else."""
    number = target.removeprefix("socket:[").removesuffix("]")
    return int(number) if number != target and number.isdigit() else 0


def _namespaces(process: Path) -> tuple[str, ...]:
    return tuple(str((process / "ns" / name).readlink()) for name in ("user", "pid"))


def _end(address: Any) -> TcpEnd:
    """An address and port; IPv4 that stands among IPv6 as what it is."""
    found = ipaddress.ip_address(str(address[0]).partition("%")[0])
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return TcpEnd(address=mapped or found, port=address[1], interface=address[3] if len(address) > 3 else 0)


def _spellings(end: TcpEnd) -> set[str]:
    """An address and port as the tables write them. IPv4 may stand among IPv6."""
    every = {end.address}
    if isinstance(end.address, ipaddress.IPv4Address):
        every.add(ipaddress.IPv6Address(f"::ffff:{end.address}"))
    return {f"{_words(one.packed)}:{end.port:04X}" for one in every}


def _words(packed: bytes) -> str:
    """Words of 32 bits, each in the byte order of this machine."""
    words = (packed[at : at + 4] for at in range(0, len(packed), 4))
    return "".join(f"{int.from_bytes(word, byteorder=sys.byteorder):08X}" for word in words)


_tables, _holders, _known = SharedLook(look=read_tables), SharedLook(look=_find_holders), _Verdicts()
