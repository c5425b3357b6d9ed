"""How is a web push message made that only the browser can read, and that says which node sends it?

The message is encrypted as RFC 8291 says (aes128gcm of RFC 8188, one record), the node signs with its VAPID key
(RFC 8292). A hundred lines on `cryptography` and `pyjwt`, which are here anyway: pywebpush would bring aiohttp,
requests and two packages more. Held by the example of RFC 8291 (`tests/mobile_bridge/test_web_push.py`).
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import jwt
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mobile_bridge.errors import BadSubscription

MAX_PAYLOAD_BYTES = 3993
"""Bytes of a message that fit into the one record of 4096 that push services take."""
RECORD_BYTES = 4096
MAX_ENDPOINT_CHARS = 1000
POINT_BYTES, SECRET_BYTES, SALT_BYTES = 65, 16, 16
SIGNED_SECONDS = 12 * 3600
"""Seconds for which a signature counts; RFC 8292 allows 24 hours."""


@dataclass(frozen=True, kw_only=True)
class PushKeys:
    """Where a browser listens: its push service's address, its public key (65 bytes) and its secret (16)."""

    endpoint: str
    point: bytes
    secret: bytes


def read_push_keys(endpoint: object, p256dh: object, auth: object) -> PushKeys:
    """What `PushSubscription.toJSON()` says. Raises BadSubscription."""
    if not (isinstance(endpoint, str) and isinstance(p256dh, str) and isinstance(auth, str)):
        raise BadSubscription("endpoint, keys.p256dh and keys.auth are texts")
    parts = _split(endpoint)
    if parts is None or len(endpoint) > MAX_ENDPOINT_CHARS or not (endpoint.isascii() and endpoint.isprintable()):
        raise BadSubscription("the endpoint is no web address")
    point, secret = unpadded_bytes(p256dh), unpadded_bytes(auth)
    if len(point) != POINT_BYTES or len(secret) != SECRET_BYTES:
        raise BadSubscription("p256dh has 65 bytes and auth 16, in base64url")
    _public_key(point)
    return PushKeys(endpoint=endpoint, point=point, secret=secret)


def encrypt(payload: bytes, to: PushKeys, *, salt: bytes, own: ec.EllipticCurvePrivateKey) -> bytes:
    """The body of a push request. `salt` (16 bytes) and `own` are fresh for each message. Raises ValueError for a
    payload that is too long."""
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise ValueError(f"a push message has at most {MAX_PAYLOAD_BYTES:,} bytes, not {len(payload):,}")
    mine = public_point(own)
    shared = own.exchange(ec.ECDH(), _public_key(to.point))
    key, nonce = content_keys(shared, to.secret, receiver=to.point, sender=mine, salt=salt)
    sealed = AESGCM(key).encrypt(nonce, payload + b"\x02", None)  # 2: the last record
    return salt + RECORD_BYTES.to_bytes(4, "big") + bytes([len(mine)]) + mine + sealed


def content_keys(shared: bytes, secret: bytes, *, receiver: bytes, sender: bytes, salt: bytes) -> tuple[bytes, bytes]:
    """The key and the nonce of a message (RFC 8291, section 3.4), which both sides come to."""
    keyed = _derive(shared, salt=secret, info=b"WebPush: info\0" + receiver + sender, length=32)
    key = _derive(keyed, salt=salt, info=b"Content-Encoding: aes128gcm\0", length=16)
    return key, _derive(keyed, salt=salt, info=b"Content-Encoding: nonce\0", length=12)


def signature_headers(endpoint: str, own: ec.EllipticCurvePrivateKey, *, contact: str, now: datetime) -> dict[str, str]:
    """The header that tells a push service which node sends (RFC 8292). `contact` is `mailto:…` or `https:…`."""
    parts = urlsplit(endpoint)
    claims = {
        "aud": f"{parts.scheme}://{parts.netloc}",
        "exp": int(now.timestamp()) + SIGNED_SECONDS,
        "sub": contact,
    }
    token = jwt.encode(claims, own, algorithm="ES256")
    return {"Authorization": f"vapid t={token}, k={unpadded(public_point(own))}"}


def public_point(own: ec.EllipticCurvePrivateKey) -> bytes:
    """The public half of a key, as browsers take it: 65 bytes."""
    return own.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def push_topic(tag: str) -> str:
    """The `Topic` of messages about one thing: what was not delivered yet is replaced by the newest (RFC 8030)."""
    digest = hashes.Hash(hashes.SHA256())
    digest.update(tag.encode())
    return unpadded(digest.finalize()[:18])


def unpadded(data: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unpadded_bytes(text: str) -> bytes:
    """The bytes of base64url, padded or not. Raises BadSubscription."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error) as error:
        raise BadSubscription("that is not base64url") from error


def _split(endpoint: str) -> Any:
    try:
        parts = urlsplit(endpoint)
        sound = parts.scheme in {"http", "https"} and parts.hostname and parts.username is None and parts.port != 0
    except ValueError:
        return None
    return parts if sound and not parts.fragment else None


def _public_key(point: bytes) -> ec.EllipticCurvePublicKey:
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    except ValueError as error:
        raise BadSubscription("p256dh is no point of the curve P-256") from error


def _derive(secret: bytes, *, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=length, salt=salt, info=info).derive(secret)
