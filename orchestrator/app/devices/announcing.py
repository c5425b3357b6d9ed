"""Does this node announce itself on its network, and whose are the announcements that it hears there?"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from orchestrator.core.background import run_in_background
from orchestrator.core.errors import OrchestratorError
from sync.errors import SyncError

if TYPE_CHECKING:
    from mobile_bridge.discovery import NodeAnnouncement

    from orchestrator.core.settings import Settings
    from sync.signatures import Verifier

ADDRESS_LOOK_SECONDS = 15.0
"""How long a node may be announced at an address that it has no more."""
FAREWELL_SECONDS = 5.0
KNOWN, UNKNOWN_KEY, OTHER_FLEET = "known", "unknown key", "another fleet"


@dataclass(frozen=True, kw_only=True)
class NearbyNode:
    """A node that was heard, and what its announcement is worth."""

    announcement: NodeAnnouncement
    standing: str

    def facts(self) -> dict[str, Any]:
        """What is told of it."""
        said = self.announcement
        told = {"node": said.node, "standing": self.standing, "urls": list(said.urls)}
        return told | {"fleet": said.fleet, "fingerprint": said.fingerprint}


def wants_announcing(settings: Settings) -> bool:
    """Whether this node announces itself."""
    reached = settings.http is not None and not settings.http.loopback
    return settings.device_sync and reached if settings.announce is None else settings.announce


def own_announcement(settings: Settings, port: int) -> NodeAnnouncement:
    """What this node says of itself, signed. Raises Refused without the extra, and what reading the ledger raises."""
    from mobile_bridge.discovery import NodeAnnouncement
    from mobile_bridge.key_exchange import key_fingerprint

    from orchestrator.app import identity
    from orchestrator.app.devices.device_keys import device_key, require_devices_extra
    from orchestrator.app.devices.fleet_identity import fleet_id
    from orchestrator.app.devices.own_addresses import network_addresses

    require_devices_extra()
    said = NodeAnnouncement(
        node=settings.node,
        fleet=fleet_id(settings),
        fingerprint=key_fingerprint(device_key(settings).public),
        port=port,
        addresses=network_addresses(),
    )
    return said.signed(identity.node_key(settings).sign)


def start_announcing(settings: Settings, port: int, trouble: Callable[[str], None]) -> Callable[[], None]:
    """Announces this node if it is to be; returns what ends that. It takes some seconds, so it is done beside.

    What keeps it from being announced is told to `trouble`: the node serves all the same.
    """
    if not wants_announcing(settings):
        return lambda: None
    from orchestrator.app.devices.own_addresses import network_addresses

    over = threading.Event()

    def run() -> None:
        keep_announcing(lambda: own_announcement(settings, port), network_addresses, over, trouble)

    return run_in_background("announce", run, over, wait_seconds=FAREWELL_SECONDS)


def keep_announcing(
    announcement: Callable[[], NodeAnnouncement],
    addresses: Callable[[], tuple[str, ...]],
    over: threading.Event,
    trouble: Callable[[str], None],
    *,
    look_seconds: float = ADDRESS_LOOK_SECONDS,
    interfaces: Iterable[str] = (),
) -> None:
    """Announces until `over`, at the addresses that the machine has by then: a laptop goes from network to network.

    Without any address it waits for one. A network that does not take it is told once, and tried again when the
    addresses change.
    """
    from mobile_bridge.discovery import Announcer

    announcer: Announcer | None = None
    announced: tuple[str, ...] = ()
    while not over.is_set():
        now = addresses()
        if now and now != announced:
            try:
                if announcer is None:
                    announcer = Announcer(replace(announcement(), addresses=now), interfaces=interfaces)
                else:
                    announcer.move(now)
            except (OSError, OrchestratorError, SyncError) as error:
                trouble(str(error))
            announced = now
        over.wait(look_seconds)
    if announcer is not None:
        announcer.end()


def judge(heard: Iterable[NodeAnnouncement], *, fleet: str, verifier: Verifier) -> list[NearbyNode]:
    """What each announcement is worth to a fleet with these keys: who signed it must be the node that it names."""
    found = []
    for said in heard:
        signer = verifier.signer(said.payload, said.armoured) if said.signature else None
        known = signer is not None and signer.name == said.node and "node" in signer.roles
        standing = OTHER_FLEET if said.fleet != fleet else KNOWN if known else UNKNOWN_KEY
        found.append(NearbyNode(announcement=said, standing=standing))
    return sorted(found, key=lambda each: (each.standing != KNOWN, each.announcement.node, each.announcement.urls))
