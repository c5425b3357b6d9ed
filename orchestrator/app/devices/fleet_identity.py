"""How is a fleet told from others on a network or in a QR code? By the commit that its ledger begins with.

It is no secret, and it is the same for every machine, whatever address each has the ledger under.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from orchestrator.app import wiring
from sync.git import Git

if TYPE_CHECKING:
    from orchestrator.core.settings import Settings


def fleet_id(settings: Settings) -> str:
    """16 hexadecimal digits; for a machine without a ledger those of its own. Raises what reading the ledger raises."""
    return hashlib.sha256(f"shiftbook fleet {_beginning(settings)}".encode()).hexdigest()[:16]


def _beginning(settings: Settings) -> str:
    if not settings.ledger:
        from mobile_bridge.key_exchange import key_fingerprint

        from orchestrator.app.devices.device_keys import device_key

        return key_fingerprint(device_key(settings).public)
    link = wiring.remote(settings)
    try:
        ref = f"refs/heads/{settings.branch}"
        tip = link.seen().get(ref) or link.fetch()[ref]
        roots = Git(settings.ledger_home / "ledger.git").text("rev-list", "--max-parents=0", tip)
    finally:
        link.close()
    return min(roots.split())
