"""At which addresses can a device reach this node? Those of its network first, then what a person said."""

from __future__ import annotations

import ipaddress
import platform
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.core.listen_address import ListenAddress
    from orchestrator.core.settings import Settings

VIRTUAL = ("docker", "br-", "veth", "virbr", "lxc", "podman", "cni")
"""How the interfaces begin that lead to this machine's own containers."""
EVERYWHERE = frozenset({"0.0.0.0", "::"})  # noqa: S104  # read here, not bound to


def node_urls(settings: Settings) -> tuple[str, ...]:
    """The web addresses of this node, the nearest first."""
    plain, public = _network_urls(settings.http), [settings.public_url] if settings.public_url else []
    secure = (url.replace("http://", "https://", 1) for url in _network_urls(settings.https))
    found = [*plain, *secure, *public]
    return tuple(dict.fromkeys(url.rstrip("/") for url in found))


def page_url(settings: Settings) -> str:
    """Where a person opens the client: over TLS, or on this very machine, because browsers run it nowhere else."""
    own = list(_network_urls(settings.https))[-1:]  # its name: an address of a home network changes
    secure = [url for url in (settings.public_url, settings.hq_url) if url.startswith("https://")]
    secure += [url.replace("http://", "https://", 1) for url in own]
    near = [settings.http.url] if settings.http else []
    return (secure or [url for url in (settings.public_url,) if url] or near or [""])[0].rstrip("/")


def _network_urls(http: ListenAddress | None) -> Iterator[str]:
    if http is None:
        return
    if http.host not in EVERYWHERE:
        yield http.url
        return
    for address in _addresses():
        yield f"http://{f'[{address}]' if address.version == 6 else address}:{http.port}"
    name = platform.node().partition(".")[0].lower()
    if name:
        yield f"http://{name}.local:{http.port}"


def network_addresses() -> tuple[str, ...]:
    """This machine's addresses in networks that are not the Internet; IPv4 first."""
    return tuple(map(str, _addresses()))


def _addresses() -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    """Addresses of networks that are not the Internet; IPv4 first."""
    import psutil

    found = []
    for name, addresses in psutil.net_if_addrs().items():
        for each in () if name.startswith(VIRTUAL) else addresses:
            try:
                address = ipaddress.ip_address(each.address.partition("%")[0])
            except ValueError:  # of another family
                continue
            if address.is_private and not address.is_loopback and not address.is_link_local:
                found.append(address)
    return sorted(found, key=lambda each: (each.version, each.packed))
