"""Does this node announce itself on its network, and whose are the announcements that it hears there?"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.core.errors import OrchestratorError
from sync.errors import SyncError

if TYPE_CHECKING:
    from mobile_bridge.discovery import NodeAnnouncement

    from orchestrator.core.settings import Settings
    from sync.signatures import Verifier

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
    ends: list[Callable[[], None]] = []
    over, lock = threading.Event(), threading.Lock()

    def begin() -> None:
        from mobile_bridge.discovery import announce

        try:
            end = announce(own_announcement(settings, port))
        except (OSError, OrchestratorError, SyncError) as error:
            trouble(str(error))
            return
        with lock:
            ends.append(end)
        if over.is_set():
            stop()

    def stop() -> None:
        over.set()
        with lock:
            mine, ends[:] = list(ends), []
        for end in mine:
            end()

    threading.Thread(target=begin, name="announce", daemon=True).start()
    return stop


def judge(heard: Iterable[NodeAnnouncement], *, fleet: str, verifier: Verifier) -> list[NearbyNode]:
    """What each announcement is worth to a fleet with these keys: who signed it must be the node that it names."""
    found = []
    for said in heard:
        signer = verifier.signer(said.payload, said.armoured) if said.signature else None
        known = signer is not None and signer.name == said.node and "node" in signer.roles
        standing = OTHER_FLEET if said.fleet != fleet else KNOWN if known else UNKNOWN_KEY
        found.append(NearbyNode(announcement=said, standing=standing))
    return sorted(found, key=lambda each: (each.standing != KNOWN, each.announcement.node, each.announcement.urls))
