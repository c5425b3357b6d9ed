"""Which facts of devices and pairings are told, in the same form by the command line and over HTTP?"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from mobile_bridge.pairing import PairingTicket

from orchestrator.core.errors import NotFound, WrongSetting
from orchestrator.core.ports.paired_devices import PairedDevice, Pairing

LINK_PATH = "/app/pair#"
"""Behind the `#` stands what no browser sends to a server."""
SCOPE_WORDS = {
    "look": "read",
    "chat": "talk",
    "missions": "file and steer missions",
    "approvals": "approve and reject",
    "sync": "keep a copy for offline use",
    "ops": "steer the fleet and its devices",
}
"""What each scope lets a device do, in order."""


def device_facts(device: PairedDevice) -> dict[str, Any]:
    """One device."""
    return {
        "id": device.id,
        "name": device.name,
        "scopes": ordered_scopes(device.scopes),
        "may": [SCOPE_WORDS[scope] for scope in ordered_scopes(device.scopes)],
        "state": "revoked" if device.revoked else "paired",
        "created": moment(device.created),
        "seen": moment(device.seen),
        "revoked": moment(device.revoked),
    }


def pairing_facts(pairing: Pairing) -> dict[str, Any]:
    """One pairing, for the person at the node. Nothing in it lets a device in."""
    return {
        "id": pairing.id,
        "state": pairing.state.value,
        "why": pairing.why,
        "name": pairing.name or pairing.claimed_name,
        "claimed_name": pairing.claimed_name,
        "scopes": ordered_scopes(pairing.scopes),
        "code": pairing.code,
        "rivals": pairing.rivals,
        "tries": pairing.tries,
        "expires": moment(pairing.expires),
    }


def ticket_facts(ticket: PairingTicket, pairing: Pairing, page: str) -> dict[str, Any]:
    """A new pairing, with the link that its QR code holds: whoever has it can ask to come in, for five minutes."""
    return {
        **pairing_facts(pairing),
        "link": f"{page}{LINK_PATH}{ticket.text}",
        "urls": list(ticket.urls),
        "fingerprint": ticket.fingerprint,
    }


def qr_rows(link: str) -> list[str]:
    """A link as a QR code, row by row, 1 for dark. Raises Refused without the extra."""
    from orchestrator.app.devices.device_keys import require_devices_extra

    require_devices_extra()
    import segno

    return ["".join(map(str, row)) for row in segno.make(link, error="l", micro=False).matrix]


def ordered_scopes(scopes: Iterable[str]) -> list[str]:
    """Scopes in the order in which they are told."""
    return [scope for scope in SCOPE_WORDS if scope in frozenset(scopes)]


def moment(when: datetime | None) -> str | None:
    """A time as programs read it."""
    return when.isoformat(timespec="seconds") if when else None


def choose_device(devices: Iterable[PairedDevice], said: str) -> PairedDevice:
    """The device in force that a person means: by its name, or by its id's beginning. Raises NotFound, WrongSetting."""
    active = [each for each in devices if each.revoked is None]
    found = [each for each in active if each.name == said] or [each for each in active if each.id.startswith(said)]
    if not found or not said:
        raise NotFound("no paired device {!r} is here: `shiftbook device list` shows them", said)
    if len(found) > 1:
        raise WrongSetting("DEVICE", "{!r} means more than one device: say its id", said)
    return found[0]
