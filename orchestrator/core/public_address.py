"""Is an address on the public internet? What a guard asks of a name that somebody else has given."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable

GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
"""Where IPv6 addresses of the internet are (RFC 4291). `is_global` says yes to much else: to IPv4 in `::/96`, to what
was site-local, to a network's own translation (64:ff9b:1::/48)."""

Resolve = Callable[[str, int], list[str]]
"""The addresses of a host. Raises OSError."""


def resolve(host: str, port: int) -> list[str]:
    """As this machine's resolver says."""
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def is_public(address: str) -> bool:
    """Whether an address is on the public internet; one that hides an inner one (6to4, NAT64) is judged by that."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour or (found.teredo[1] if found.teredo else None)
        if inner is None and found in ipaddress.ip_network("64:ff9b::/96"):
            inner = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        if inner is not None:
            return inner.is_global and not inner.is_multicast
        if found not in GLOBAL_UNICAST:
            return False
    return found.is_global and not found.is_multicast
