"""Pairing: how do a phone and a node that never met make sure of one another?

1. The node shows a QR code with a one-use secret and its key's fingerprint (`PairingTicket`).
2. The phone makes a key and claims: its public key, its name, a commitment to a nonce that it keeps to itself, and a
   proof that it knows the secret. The secret itself is never sent.
3. The node answers with a nonce of its own and its public key, proven alike.
4. The phone reveals its nonce; the node checks the commitment.
5. Both show six digits of everything above. Whoever stands between has to fix its nonce before it sees the other's, so
   it has one chance in a million, once: a person compares, and confirms on the node.

Until then nothing about the device is kept that could let it in.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass

from missions.plain_data import read_json
from mobile_bridge.wire_encoding import decode_base64, encode_base64, join_parts

VERSION = "1"
SECRET_BYTES = NONCE_BYTES = 16
PAIRING_ID_BYTES = 8
FINGERPRINT_BYTES = 32
CODE_DIGITS = 6
MAX_URLS = 8
MAX_TICKET_CHARACTERS = 2000


class WrongTicket(ValueError):
    """It is no link of `shiftbook device pair`, or one of another version."""


@dataclass(frozen=True, kw_only=True)
class PairingTicket:
    """What the QR code says; it stands behind the `#` of a link, which no browser sends."""

    node: str
    fleet: str
    fingerprint: str
    """Of the node's public key (`key_exchange.key_fingerprint`)."""
    pairing: str
    """The pairing's id."""
    secret: bytes
    urls: tuple[str, ...]
    """Where the node may be reached, the nearest first."""

    @property
    def text(self) -> str:
        """The ticket in as few characters as it takes: a QR code gets coarser with each."""
        rest = json.dumps([self.node, self.fleet, *self.urls[:MAX_URLS]], ensure_ascii=False, separators=(",", ":"))
        parts = (VERSION, self.fingerprint, self.pairing, encode_base64(self.secret), encode_base64(rest.encode()))
        return ".".join(parts)


def read_ticket(text: str) -> PairingTicket:
    """The ticket that a text is. Raises WrongTicket."""
    parts = text.split(".")
    if len(text) > MAX_TICKET_CHARACTERS or len(parts) != 5:
        raise WrongTicket("this is no code of `shiftbook device pair`")
    if parts[0] != VERSION:
        raise WrongTicket("this code is of another version: update shiftbook on both sides")
    try:
        decode_base64(parts[1], FINGERPRINT_BYTES)
        decode_base64(parts[2], PAIRING_ID_BYTES)
        secret = decode_base64(parts[3], SECRET_BYTES)
        said = read_json(decode_base64(parts[4]).decode())
    except ValueError as error:
        raise WrongTicket("this code is damaged: take a new one") from error
    if not isinstance(said, list) or len(said) < 2 or not all(isinstance(each, str) for each in said):
        raise WrongTicket("this code is damaged: take a new one")
    node, fleet, *urls = said
    if len(urls) > MAX_URLS or not all(url.startswith(("http://", "https://")) for url in urls):
        raise WrongTicket("this code is damaged: take a new one")
    return PairingTicket(
        node=node, fleet=fleet, fingerprint=parts[1], pairing=parts[2], secret=secret, urls=tuple(urls)
    )


def pairing_key(secret: bytes) -> bytes:
    """What both sides prove that they know the secret with. All that a node keeps of it."""
    return hashlib.sha256(join_parts("shiftbook pairing key 1", secret)).digest()


def commit_nonce(nonce: bytes, public_key: bytes) -> bytes:
    """What the phone says of its nonce before it reveals it."""
    return hashlib.sha256(join_parts("shiftbook pairing commitment 1", nonce, public_key)).digest()


def device_id(public_key: bytes) -> str:
    """What a device is called by programs: 16 bytes of its key's hash, as text. It is nobody's to choose."""
    return encode_base64(hashlib.sha256(join_parts("shiftbook device 1", public_key)).digest()[:16])


@dataclass(frozen=True, kw_only=True)
class PairingClaim:
    """What a phone claims a pairing with."""

    pairing: str
    fleet: str
    node_fingerprint: str
    public_key: bytes
    name: str
    commitment: bytes

    def proof(self, key: bytes) -> bytes:
        """The proof that the phone knows the secret, bound to all that it claims."""
        return _prove(key, "claim", *self._parts)

    def node_proof(self, key: bytes, node_key: bytes, node_nonce: bytes) -> bytes:
        """The proof that the node knows it, bound to the claim that it answers."""
        return _prove(key, "node", *self._parts, node_key, node_nonce)

    def code(self, key: bytes, *, node_key: bytes, node_nonce: bytes, device_nonce: bytes) -> str:
        """The digits that both sides show."""
        digest = _prove(key, "code", *self._parts, node_key, node_nonce, device_nonce)
        return f"{int.from_bytes(digest[:8], 'big') % 10**CODE_DIGITS:0{CODE_DIGITS}d}"

    @property
    def _parts(self) -> tuple[bytes | str, ...]:
        return (self.pairing, self.fleet, self.node_fingerprint, self.public_key, self.name, self.commitment)


def same(one: bytes, other: bytes) -> bool:
    """Whether two proofs are the same, in a time that tells nothing."""
    return hmac.compare_digest(one, other)


def _prove(key: bytes, what: str, *parts: bytes | str) -> bytes:
    return hmac.digest(key, join_parts(f"shiftbook pairing {what} 1", *parts), "sha256")
