"""Discovery: how do nodes find one another on a network? By multicast DNS (RFC 6762), through `zeroconf`.

An announcement is a claim, and anybody on the network can make one. So a node signs which key it meets devices with;
who listens knows the fleet's keys, and takes everything else for a stranger's. It holds no secret.
"""

from __future__ import annotations

import ipaddress
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mobile_bridge.ssh_armour import with_armour, without_armour
from mobile_bridge.wire_encoding import join_parts

if TYPE_CHECKING:
    from zeroconf import ServiceInfo

SERVICE = "_shiftbook._tcp.local."
VERSION = "1"
MAX_VALUE_BYTES = 240
"""Of one string of a TXT record, which has 255 with its name."""
MAX_NODES = 100
"""Announcements that are looked at: a network may be full of them."""
RESOLVE_MILLISECONDS = 1000


@dataclass(frozen=True, kw_only=True)
class NodeAnnouncement:
    """What a node says of itself on the network."""

    node: str
    fleet: str
    fingerprint: str
    """Of the key with which it meets devices."""
    port: int
    signature: str = ""
    """The node's signature over all of this but the addresses, as base64 without its armour."""
    addresses: tuple[str, ...] = ()

    @property
    def payload(self) -> bytes:
        """What is signed."""
        return join_parts("shiftbook announcement 1", self.node, self.fleet, self.fingerprint, str(self.port))

    @property
    def armoured(self) -> str:
        """The signature as ssh-keygen reads it."""
        return with_armour(self.signature)

    def signed(self, sign: Callable[[bytes], str]) -> NodeAnnouncement:
        """The same with the node's signature."""
        return replace(self, signature=without_armour(sign(self.payload)))

    @property
    def urls(self) -> tuple[str, ...]:
        """Where it may be reached."""
        return tuple(f"http://{f'[{each}]' if ':' in each else each}:{self.port}" for each in self.addresses)

    def properties(self) -> dict[str, str]:
        """What stands in the TXT record."""
        parts = [self.signature[at : at + MAX_VALUE_BYTES] for at in range(0, len(self.signature), MAX_VALUE_BYTES)]
        said = {"v": VERSION, "node": self.node, "fleet": self.fleet, "key": self.fingerprint}
        return said | {f"s{number}": part for number, part in enumerate(parts)}


def read_announcement(properties: dict[Any, Any], port: int, addresses: Iterable[str]) -> NodeAnnouncement | None:
    """What a TXT record says; None for what is no announcement of ours."""
    try:
        said = {key.decode("ascii"): (value or b"").decode("ascii") for key, value in properties.items()}
    except (UnicodeDecodeError, AttributeError):
        return None
    if said.get("v") != VERSION or not 0 < port < 65536 or not all(said.get(name) for name in ("node", "fleet", "key")):
        return None
    signature = "".join(said.get(f"s{number}", "") for number in range(4))
    texts = (said["node"], said["fleet"], said["key"], signature)
    if not all(text.isprintable() for text in texts) or max(map(len, texts[:3])) > 100:
        return None
    return NodeAnnouncement(
        node=said["node"],
        fleet=said["fleet"],
        fingerprint=said["key"],
        port=port,
        signature=signature,
        addresses=tuple(addresses),
    )


class Announcer:
    """Announces a node from when it is made until `end`. Raises OSError where the network takes no multicast."""

    def __init__(self, said: NodeAnnouncement, *, interfaces: Iterable[str] = ()) -> None:
        from zeroconf import Error, Zeroconf

        self._said = said
        self._zeroconf = Zeroconf(interfaces=list(interfaces)) if interfaces else Zeroconf()
        self._info = self._service(f"{said.node} {said.fingerprint[:6]}.{SERVICE}", said.addresses)
        try:
            self._zeroconf.register_service(self._info, allow_name_change=True)
        except Error as error:
            self._zeroconf.close()
            raise OSError(f"the network does not take the announcement ({type(error).__name__})") from error
        except BaseException:
            self._zeroconf.close()
            raise

    def move(self, addresses: Iterable[str]) -> None:
        """Says that the node is reached at these addresses now, on every network that the machine is in by now.

        zeroconf neither looks for interfaces that came later nor for an address that changed (its `update_interfaces`).
        Raises OSError.
        """
        from zeroconf import Error

        self._info = self._service(self._info.name, addresses)
        try:
            self._zeroconf.update_service(self._info)
            self._zeroconf.update_interfaces()
        except Error as error:
            raise OSError(f"the network does not take the new addresses ({type(error).__name__})") from error

    def end(self) -> None:
        """Takes the announcement back."""
        self._zeroconf.unregister_service(self._info)
        self._zeroconf.close()

    def _service(self, name: str, addresses: Iterable[str]) -> ServiceInfo:
        from zeroconf import ServiceInfo

        packed = [ipaddress.ip_address(each).packed for each in addresses]
        said = self._said
        return ServiceInfo(SERVICE, name, port=said.port, properties=said.properties(), server=name, addresses=packed)


def listen_for_nodes(seconds: float, *, interfaces: Iterable[str] = ()) -> list[NodeAnnouncement]:
    """The announcements that come within so many seconds, as they came. Raises OSError."""
    from zeroconf import ServiceBrowser, ServiceStateChange, Zeroconf

    zeroconf = Zeroconf(interfaces=list(interfaces)) if interfaces else Zeroconf()
    names: dict[str, None] = {}
    lock = threading.Lock()

    def heard(zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange) -> None:
        with lock:
            if state_change is ServiceStateChange.Added and len(names) < MAX_NODES:
                names[name] = None

    try:
        browser = ServiceBrowser(zeroconf, SERVICE, handlers=[heard])
        threading.Event().wait(seconds)
        with lock:
            known = list(names)
        infos = [zeroconf.get_service_info(SERVICE, name, RESOLVE_MILLISECONDS) for name in known]
        browser.cancel()
    finally:
        zeroconf.close()
    read = (read_announcement(each.properties, each.port or 0, each.parsed_addresses()) for each in infos if each)
    return [each for each in read if each is not None]
