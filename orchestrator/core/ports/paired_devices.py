"""Which devices are paired with this node, what may each do, and which pairings are under way?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


@dataclass(frozen=True, kw_only=True)
class PairedDevice:
    """A device that a person has confirmed. Its key never left it."""

    id: str
    """Made of its public key (`mobile_bridge.pairing.device_id`)."""
    name: str
    public_key: str
    """Its point on P-256 in URL-safe base64."""
    scopes: frozenset[str]
    created: datetime
    seen: datetime | None = None
    revoked: datetime | None = None


class PairingState(StrEnum):
    """Where a pairing stands. What is past its time is over, whatever stands here."""

    OPEN = "open"
    CLAIMED = "claimed"
    WAITING = "waiting"
    """Both sides show the code; a person has to compare."""
    CONFIRMED = "confirmed"
    REFUSED = "refused"


@dataclass(frozen=True, kw_only=True)
class Pairing:
    """One use of `shiftbook device pair`. Byte strings are in URL-safe base64."""

    id: str
    fleet: str
    key: str
    """What proves the secret; empty once it is over."""
    scopes: frozenset[str]
    created: datetime
    expires: datetime
    state: PairingState = PairingState.OPEN
    name: str = ""
    """What the person called the device."""
    claimed_name: str = ""
    """What it calls itself."""
    public_key: str = ""
    commitment: str = ""
    node_nonce: str = ""
    code: str = ""
    tries: int = 0
    """Wrong proofs, nonces and codes."""
    rivals: int = 0
    """Other devices that came with the same secret."""
    why: str = ""
    """Why it was refused."""


class PairedDevices(Protocol):
    """The devices that may call this node."""

    def find(self, device_id: str) -> PairedDevice | None:
        """A device that counts now; None when it is unknown or was revoked."""

    def listing(self) -> tuple[PairedDevice, ...]:
        """Every device ever, by name, the revoked ones too."""

    def change(
        self, device_id: str, *, name: str | None = None, scopes: Iterable[str] | None = None
    ) -> PairedDevice | None:
        """Renames one that counts, or changes what it may do; None when there is none."""

    def revoke(self, device_id: str) -> bool:
        """Shuts a device out, for good and from now on; False when none of that id counts."""

    def touch(self, device_id: str, when: datetime) -> None:
        """Notes when a device was here last."""


class Pairings(Protocol):
    """The pairings that are under way. Of two who move one from the same state at once, one does."""

    def add(self, pairing: Pairing) -> None:
        """Stores a new one; those that ended more than a day ago are let go of."""

    def find(self, pairing_id: str) -> Pairing | None:
        """The pairing as it stands."""

    def advance(self, pairing_id: str, expected: PairingState, **changes: object) -> Pairing | None:
        """Changes fields of a pairing that is in the expected state; None where it is in another."""

    def count(self, pairing_id: str, field: str) -> int:
        """Adds one to `tries` or `rivals`; returns how many there are then, 0 where there is no such pairing."""

    def confirm(self, pairing_id: str, device: PairedDevice) -> bool:
        """Ends a pairing that waits, and lets its device in: both or neither.

        False where it does not wait (any more), or the device's key was revoked once.
        """
