"""The allow-list: which address may a run be connected to?

A name is resolved once and the connection goes to the very address that was looked at: a name that answers otherwise
the next time gains nothing.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from orchestrator.execution.egress.request import RequestRefused, parse_authority

RESOLVE_TIMEOUT_SECONDS = 10.0
NAT64 = IPv6Network("64:ff9b::/96")


@dataclass(frozen=True)
class HostAllowlist:
    """The hosts, as host:port, that a run may reach. Ports are exact; there are no patterns."""

    allowed: frozenset[tuple[str, int]]

    @classmethod
    def of(cls, listed: Iterable[str]) -> HostAllowlist:
        """Reads `host:port` lines. Raises Refusal for one that is none."""
        return cls(frozenset(parse_authority(each, None) for each in listed))

    async def address(self, host: str, port: int) -> str:
        """The address to connect to. Raises Refusal."""
        if (host, port) not in self.allowed:
            raise RequestRefused(403, f"{host}:{port} is not among the hosts that this run may reach")
        found = await _resolve(host, port)
        for address in found:
            if self.permits(address, port):
                return address
        raise RequestRefused(403, f"{host}:{port} is {', '.join(found)}, an address of this machine's own surroundings")

    def permits(self, address: str, port: int) -> bool:
        """Whether a connection may go there: anywhere on the internet, and to what is listed as this very address."""
        return (address, port) in self.allowed or all(map(_is_public, _embedded_addresses(ip_address(address))))


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def _embedded_addresses(address: IPv4Address | IPv6Address) -> list[IPv4Address | IPv6Address]:
    """The address, or those that an IPv6 address carries to in the end."""
    if isinstance(address, IPv4Address):
        return [address]
    carried = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in NAT64:
        carried.append(IPv4Address(int(address) & 0xFFFFFFFF))
    inner = [each for each in carried if each is not None]
    return [*inner] if inner else [address]


async def _resolve(host: str, port: int) -> list[str]:
    try:
        loop = asyncio.get_running_loop()
        found = await asyncio.wait_for(loop.getaddrinfo(host, port, type=socket.SOCK_STREAM), RESOLVE_TIMEOUT_SECONDS)
    except (OSError, UnicodeError, TimeoutError) as error:
        raise RequestRefused(502, f"{host} cannot be looked up: {error or 'no answer'}") from error
    return list(dict.fromkeys(str(each[4][0]) for each in found))
