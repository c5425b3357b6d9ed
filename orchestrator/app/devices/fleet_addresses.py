"""Where do the fleet's nodes say that devices reach them, and is it their own word?

Each node that meets devices says so on its page in the ledger, signed; another node passes that on to devices that are
paired with both. A device calls an address only for the key that it has pinned: a node that lies leads nobody astray.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import TYPE_CHECKING

from mobile_bridge.announced_addresses import AnnouncedAddresses, read_addresses, sign_addresses

from orchestrator.app.devices.own_addresses import node_urls
from sync.signatures import Verifier

if TYPE_CHECKING:
    from orchestrator.core.settings import Settings

MAX_NODES = 50
"""Nodes whose addresses are passed on."""


def addresses_line(settings: Settings) -> Callable[[], str]:
    """What this node's page says of where it is, each time it is asked; "" where it is not to."""
    from orchestrator.app import identity
    from orchestrator.app.devices.device_keys import device_key, devices_installed

    @lru_cache(maxsize=1)  # some keys sign differently each time, and each difference would be a commit
    def signed(urls: tuple[str, ...]) -> str:
        from mobile_bridge.key_exchange import key_fingerprint

        fingerprint = key_fingerprint(device_key(settings).public)
        said = sign_addresses(settings.node, fingerprint, urls, identity.node_key(settings).sign)
        return said.line if said else ""

    def line() -> str:
        wanted = settings.device_sync if settings.announce is None else settings.announce
        return signed(reachable_urls(settings)) if wanted and devices_installed() else ""

    return line


def reachable_urls(settings: Settings) -> tuple[str, ...]:
    """The addresses of this node that lead to it from elsewhere, the nearest first."""
    here = settings.http.url if settings.http is not None and settings.http.loopback else ""
    return tuple(url for url in node_urls(settings) if url != here)  # elsewhere that would be the device itself


@lru_cache(maxsize=2)
def _verifier(signers: str) -> Verifier:
    """It remembers what it has checked."""
    return Verifier(signers)


def believed(pages: Iterable[tuple[str, str]], *, signers: str, own: str) -> list[AnnouncedAddresses]:
    """Of nodes' names and lines those that the very node has signed; without this node's own."""
    found: list[AnnouncedAddresses] = []
    verifier = _verifier(signers)
    for node, line in list(pages)[:MAX_NODES]:
        said = read_addresses(node, line) if line and node != own else None
        signer = verifier.signer(said.payload, said.armoured) if said else None
        if said and signer is not None and signer.name == node and "node" in signer.roles:
            found.append(said)
    return found
