"""Whose program is the peer, at the other end of a connection on this machine?

The kernel knows to which user each socket belongs, and tells it in /proc/net/tcp (proc(5)) to everybody. So the owner's
own programs need no token on loopback, and there is nothing to keep or to type; another user's program needs one.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import sys
from collections.abc import Iterable
from itertools import product
from pathlib import Path
from typing import Any

TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
OPEN_STATES = frozenset({"01", "04", "05", "08"})
"""Established, or closed by one side only (include/net/tcp_states.h). What has ended belongs to nobody: user 0."""


def peer_user(connection: socket.socket, tables: Iterable[Path] = TABLES) -> int | None:
    """The user whose socket is at the other end; None where this system does not tell, or it is not on this machine."""
    try:
        theirs, ours = _spellings(connection.getpeername()), _spellings(connection.getsockname())
    except OSError:
        return None
    for table in tables:
        try:
            found = find_user(table.read_text(encoding="ascii"), theirs, ours)
        except (OSError, ValueError):
            continue
        if found is not None:
            return found
    return None


def find_user(table: str, local: set[str], remote: set[str]) -> int | None:
    """The user of the open socket between these two addresses, as the table tells it."""
    for one, other in product(local, remote):
        at = table.find(f" {one} {other} ")
        while at >= 0:  # there may be an older one, which has ended
            words = table[at:].partition("\n")[0].split()
            if len(words) > 8 and words[2] in OPEN_STATES and words[8] != "0":
                return int(words[6])
            at = table.find(f" {one} {other} ", at + 1)
    return None


def is_own_program(connection: socket.socket | None) -> bool:
    """Whether the same user as this process's has a connection's other end."""
    return connection is not None and peer_user(connection) == os.geteuid()


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
