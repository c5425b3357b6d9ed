"""The key exchange: how do a device and a node agree on keys, and seal bytes with them?

ECDH on P-256, HKDF with SHA-256 and AES-256-GCM: what browsers (WebCrypto) and `cryptography` both have. A public key
is its uncompressed point, 65 bytes, as WebCrypto exports it `raw`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from mobile_bridge.wire_encoding import encode_base64

CURVE = ec.SECP256R1()
POINT_BYTES = 65


class NotSealed(Exception):
    """It was not sealed with this key, or not as this message."""


@dataclass(frozen=True)
class ExchangeKey:
    """A private key."""

    key: ec.EllipticCurvePrivateKey

    @classmethod
    def create(cls) -> ExchangeKey:
        """A new one."""
        return cls(ec.generate_private_key(CURVE))

    @classmethod
    def from_scalar(cls, scalar: bytes) -> ExchangeKey:
        """The key of these 32 bytes. Raises ValueError."""
        return cls(ec.derive_private_key(int.from_bytes(scalar, "big"), CURVE))

    @classmethod
    def from_pem(cls, text: bytes) -> ExchangeKey:
        """The key in a PEM file without a passphrase. Raises ValueError."""
        found = serialization.load_pem_private_key(text, password=None)
        if not isinstance(found, ec.EllipticCurvePrivateKey) or found.curve.name != CURVE.name:
            raise ValueError("this is no key on P-256")
        return cls(found)

    @property
    def pem(self) -> bytes:
        """The key as a PEM file (PKCS 8)."""
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    @property
    def scalar(self) -> bytes:
        """The key's 32 bytes."""
        return self.key.private_numbers().private_value.to_bytes(32, "big")

    @property
    def public(self) -> bytes:
        """The public key."""
        return self.key.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )

    def agree(self, point: bytes) -> bytes:
        """The secret that this key and another's public one make. Raises ValueError for no point of the curve."""
        return self.key.exchange(ec.ECDH(), read_point(point))


def read_point(point: bytes) -> ec.EllipticCurvePublicKey:
    """A public key. Raises ValueError for anything that is no uncompressed point of the curve."""
    if len(point) != POINT_BYTES or point[0] != 4:
        raise ValueError("this is no public key on P-256")
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(CURVE, point)
    except ValueError as error:
        raise ValueError("this is no public key on P-256") from error


def key_fingerprint(point: bytes) -> str:
    """What a QR code and an announcement say of a public key: base64 of its SHA-256."""
    return encode_base64(hashlib.sha256(point).digest())


def derive_key(secret: bytes, salt: bytes, info: str, length: int) -> bytes:
    """Key bytes (HKDF, RFC 5869)."""
    return HKDF(algorithm=SHA256(), length=length, salt=salt, info=info.encode()).derive(secret)


def seal(key: bytes, number: int, plain: bytes, bound: bytes) -> bytes:
    """Seals bytes, once only with this key and number; `bound` is what must be said again to open them."""
    return AESGCM(key).encrypt(number.to_bytes(12, "big"), plain, bound)


def unseal(key: bytes, number: int, sealed: bytes, bound: bytes) -> bytes:
    """What was sealed. Raises NotSealed."""
    try:
        return AESGCM(key).decrypt(number.to_bytes(12, "big"), sealed, bound)
    except (InvalidTag, ValueError) as error:
        raise NotSealed from error
