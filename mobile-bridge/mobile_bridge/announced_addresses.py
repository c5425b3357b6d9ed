"""Where does a node say that devices reach it? In a signed line that others pass on, bound to its key for devices.

Whoever passes it on can withhold it and show an older one. They cannot name other addresses, nor another key; and who
answers at an address must have that key, or a device says nothing to it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from mobile_bridge.ssh_armour import with_armour, without_armour
from mobile_bridge.wire_encoding import join_parts

MAX_URLS = 8
"""As many as a code names."""
MAX_CHARACTERS = 2000
_URL = re.compile(r"https?://[A-Za-z0-9.:\[\]-]{1,253}")
_FINGERPRINT = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, kw_only=True)
class AnnouncedAddresses:
    """What a node says of where it is."""

    node: str
    fingerprint: str
    """Of the key with which it meets devices."""
    urls: tuple[str, ...]
    """The nearest first."""
    signature: str = ""
    """The node's signature over all of this, as base64 without its armour."""

    @property
    def payload(self) -> bytes:
        """What is signed."""
        return join_parts("shiftbook addresses 1", self.node, self.fingerprint, *self.urls)

    @property
    def armoured(self) -> str:
        """The signature as ssh-keygen reads it."""
        return with_armour(self.signature)

    @property
    def line(self) -> str:
        """All but the node's name, which stands beside it."""
        return " ".join([self.fingerprint, *self.urls, self.signature])


def sign_addresses(
    node: str, fingerprint: str, urls: Iterable[str], sign: Callable[[bytes], str]
) -> AnnouncedAddresses | None:
    """The addresses that may be announced, signed by the node; None where there are none."""
    good = tuple(url for url in urls if _URL.fullmatch(url))[:MAX_URLS]
    if not good:
        return None
    said = AnnouncedAddresses(node=node, fingerprint=fingerprint, urls=good)
    return replace(said, signature=without_armour(sign(said.payload)))


def read_addresses(node: str, line: str) -> AnnouncedAddresses | None:
    """What a node's line says; None for what is no such line. Whose word it is, the signature tells."""
    words = line.split(" ") if len(line) <= MAX_CHARACTERS else []
    if not 3 <= len(words) <= MAX_URLS + 2:
        return None
    fingerprint, *urls, signature = words
    if not _FINGERPRINT.fullmatch(fingerprint) or not all(_URL.fullmatch(url) for url in urls):
        return None
    return AnnouncedAddresses(node=node, fingerprint=fingerprint, urls=tuple(urls), signature=signature)
