"""How is a device paired with this node? The steps of `mobile_bridge.pairing`, each held by a row that moves once.

Whatever a device sends is checked here; a person confirms. Nothing lets a device in before that, because there is no
row of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mobile_bridge.device_name import check_device_name
from mobile_bridge.pairing import (
    NONCE_BYTES,
    PAIRING_ID_BYTES,
    SECRET_BYTES,
    PairingClaim,
    PairingTicket,
    commit_nonce,
    device_id,
    pairing_key,
    same,
)
from mobile_bridge.wire_encoding import decode_base64, encode_base64

from orchestrator.core.errors import AlreadyDone, NotFound, Refused, WrongSetting
from orchestrator.core.ports.paired_devices import PairedDevice, PairedDevices, Pairing, Pairings, PairingState

if TYPE_CHECKING:
    from mobile_bridge.key_exchange import ExchangeKey

LIFETIME = timedelta(minutes=5)
MAX_TRIES = 5
"""Wrong proofs, nonces and codes after which a pairing is over."""
OVER = frozenset({PairingState.CONFIRMED, PairingState.REFUSED})


@dataclass(frozen=True, kw_only=True)
class ClaimAnswer:
    """What the node says to a claim. Byte strings are in URL-safe base64."""

    node_key: str
    node_nonce: str
    proof: str


@dataclass(frozen=True, kw_only=True)
class DevicePairing:
    """Pairings of one node."""

    pairings: Pairings
    devices: PairedDevices
    key: ExchangeKey
    node: str
    now: Callable[[], datetime]
    random: Callable[[int], bytes]

    def begin(
        self, *, fleet: str, scopes: Iterable[str], urls: tuple[str, ...], name: str = ""
    ) -> tuple[PairingTicket, Pairing]:
        """A new pairing, and what its QR code says. Raises WrongSetting for a name that is none."""
        from mobile_bridge.key_exchange import key_fingerprint

        secret = self.random(SECRET_BYTES)
        pairing = Pairing(
            id=encode_base64(self.random(PAIRING_ID_BYTES)),
            fleet=fleet,
            key=encode_base64(pairing_key(secret)),
            scopes=frozenset(scopes),
            created=self.now(),
            expires=self.now() + LIFETIME,
            name=_name(name) if name else "",
        )
        self.pairings.add(pairing)
        fingerprint = key_fingerprint(self.key.public)
        ticket = PairingTicket(
            node=self.node, fleet=fleet, fingerprint=fingerprint, pairing=pairing.id, secret=secret, urls=urls
        )
        return ticket, pairing

    def claim(
        self, pairing_id: str, *, fleet: str, public_key: str, name: str, commitment: str, proof: str
    ) -> ClaimAnswer:
        """A device's claim. Raises NotFound, AlreadyDone for the second device, Refused for a wrong proof."""
        pairing = self._under_way(pairing_id)
        if fleet != pairing.fleet:
            raise Refused("this code is of another fleet than this node's: take a new one with `shiftbook device pair`")
        claim = self._claim_of(pairing, public_key, name, commitment)
        secret = decode_base64(pairing.key)
        if not same(claim.proof(secret), _bytes(proof, 32, "proof")):
            self._miss(pairing, "a device that does not know its secret tried too often")
            raise Refused("that is not the secret of this pairing: scan the code again")
        nonce = self.random(NONCE_BYTES)
        moved = self.pairings.advance(
            pairing.id,
            PairingState.OPEN,
            state=PairingState.CLAIMED.value,
            public_key=public_key,
            claimed_name=claim.name,
            commitment=commitment,
            node_nonce=encode_base64(nonce),
        )
        if moved is None:
            self.pairings.count(pairing.id, "rivals")
            raise AlreadyDone("another device has used this code: if that was not yours, refuse it on the node")
        return ClaimAnswer(
            node_key=encode_base64(self.key.public),
            node_nonce=encode_base64(nonce),
            proof=encode_base64(claim.node_proof(secret, self.key.public, nonce)),
        )

    def reveal(self, pairing_id: str, nonce: str) -> Pairing:
        """The device's nonce: now both sides can show the code.

        Raises NotFound, AlreadyDone, and Refused for a nonce that was not committed to: the pairing is over then.
        """
        pairing = self._under_way(pairing_id)
        if pairing.state is not PairingState.CLAIMED:
            raise AlreadyDone("this pairing does not wait for that: take a new code")
        own = _bytes(nonce, NONCE_BYTES, "nonce")
        claim = self._claim_of(pairing, pairing.public_key, pairing.claimed_name, pairing.commitment)
        if not same(claim.commitment, commit_nonce(own, claim.public_key)):
            self._end(pairing, "somebody tampered with it")
            raise Refused("this is not what was claimed: the pairing is over, take a new code")
        code = claim.code(
            decode_base64(pairing.key),
            node_key=self.key.public,
            node_nonce=decode_base64(pairing.node_nonce),
            device_nonce=own,
        )
        moved = self.pairings.advance(pairing.id, PairingState.CLAIMED, state=PairingState.WAITING.value, code=code)
        if moved is None:
            raise AlreadyDone("this pairing does not wait for that: take a new code")
        return moved

    def confirm(self, pairing_id: str, code: str) -> PairedDevice:
        """A person has compared: the device comes in. Raises NotFound, Refused for another code, AlreadyDone."""
        pairing = self._under_way(pairing_id)
        if pairing.state is not PairingState.WAITING:
            raise AlreadyDone("no device waits for this pairing to be confirmed")
        if not same(pairing.code.encode(), "".join(code.split()).encode("utf-8", "surrogatepass")):
            self._miss(pairing, "a wrong code was given too often")
            raise Refused("that is not the code: it is over if the device shows another one than this node")
        device = PairedDevice(
            id=device_id(decode_base64(pairing.public_key)),
            name=pairing.name or pairing.claimed_name,
            public_key=pairing.public_key,
            scopes=pairing.scopes,
            created=self.now(),
        )
        if not self.pairings.confirm(pairing.id, device):
            self._end(pairing, "the device's key was revoked once, or somebody else decided")
            raise AlreadyDone("this device's key was revoked once: have it make a new one, and take a new code")
        return device

    def refuse(self, pairing_id: str, why: str = "a person refused it") -> None:
        """Ends a pairing. Raises NotFound where there is none under way."""
        self._end(self._under_way(pairing_id), why)

    def look(self, pairing_id: str) -> Pairing:
        """The pairing as it stands; one that ran out is refused. Raises NotFound."""
        pairing = self.pairings.find(pairing_id)
        if pairing is None:
            raise NotFound("no such pairing is known here: take a new code with `shiftbook device pair`")
        if pairing.state not in OVER and self.now() >= pairing.expires:
            return replace(pairing, state=PairingState.REFUSED, why="its five minutes are over")
        return pairing

    def _claim_of(self, pairing: Pairing, public_key: str, name: str, commitment: str) -> PairingClaim:
        """A claim of these words. Raises WrongSetting for the first that cannot be one's."""
        from mobile_bridge.key_exchange import key_fingerprint, read_point

        point = _bytes(public_key, None, "public_key")
        try:
            read_point(point)
        except ValueError as error:
            raise WrongSetting("public_key", str(error)) from error
        return PairingClaim(
            pairing=pairing.id,
            fleet=pairing.fleet,
            node_fingerprint=key_fingerprint(self.key.public),
            public_key=point,
            name=_name(name),
            commitment=_bytes(commitment, 32, "commitment"),
        )

    def _under_way(self, pairing_id: str) -> Pairing:
        pairing = self.look(pairing_id)
        if pairing.state is PairingState.CONFIRMED:
            raise AlreadyDone("this code was used: take a new one with `shiftbook device pair`")
        if pairing.state is PairingState.REFUSED:
            raise Refused(f"this pairing is over ({pairing.why}): take a new code with `shiftbook device pair`")
        return pairing

    def _miss(self, pairing: Pairing, why: str) -> None:
        if self.pairings.count(pairing.id, "tries") >= MAX_TRIES:
            self._end(pairing, why)

    def _end(self, pairing: Pairing, why: str) -> None:
        for state in set(PairingState) - OVER:
            self.pairings.advance(pairing.id, state, state=PairingState.REFUSED.value, why=why, key="")


def _name(text: str) -> str:
    try:
        return check_device_name(text)
    except ValueError as error:
        raise WrongSetting("name", str(error)) from error


def _bytes(text: str, length: int | None, what: str) -> bytes:
    try:
        return decode_base64(text, length)
    except ValueError as error:
        raise WrongSetting(what, str(error)) from error
