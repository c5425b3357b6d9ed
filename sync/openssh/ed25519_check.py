"""Which SSH signatures are checked without ssh-keygen, to the same verdict? Plain ones, of ed25519 keys on plain lines.

Starting ssh-keygen takes 10 ms of the processor; headquarters checks a report of each node each minute. Here only
“yes” is said, and only where every rule of ssh-keygen(1) that could say “no” is seen not to apply: whatever is written
in any other way, and whatever does not hold, is for ssh-keygen to judge, so that machines without the library agree.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

LIBRARY = "cryptography"
_NAME = r"[A-Za-z0-9._@=+-]{1,200}"
_ANY_LINE = re.compile(rf"(?:#[ -~]*|({_NAME}(?:,{_NAME})*) [!-~][ -~]*|)")
_PLAIN_REST = re.compile(r'(?:namespaces="git" )?ssh-ed25519 (AAAAC3NzaC1lZDI1NTE5AAAAI[A-Za-z0-9+/]{43})(?: [ -~]*)?')
"""Behind the names: no option but the one that our own lines have, and a key of exactly 32 bytes."""
_ARMOUR = re.compile(
    r"[ \n]*-----BEGIN SSH SIGNATURE-----\n((?:[A-Za-z0-9+/=]{1,76}\n){1,8})-----END SSH SIGNATURE-----[ \n]*"
)
SIGNATURE_BYTES, KEY_BYTES = 64, 32


def _string(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


_HASHES = {name: _string(b"git") + _string(b"") + _string(name.encode()) for name in ("sha512", "sha256")}
"""What follows the key, by hash: namespace, reserved, hash (OpenSSH's PROTOCOL.sshsig)."""


@lru_cache(maxsize=4)
def plain_keys(allowed_signers: str) -> dict[str, frozenset[str]]:
    """By principal the ed25519 keys that are theirs; only of principals each of whose lines is plain, and of none where
    any line is odd: ssh-keygen stops reading at some."""
    keys: dict[str, set[str]] = {}
    odd: set[str] = set()
    for line in allowed_signers.split("\n"):
        found = _ANY_LINE.fullmatch(line)
        if found is None:
            return {}
        if found[1] is None:
            continue
        plain = _PLAIN_REST.fullmatch(line, len(found[1]) + 1)
        for name in found[1].split(","):
            keys.setdefault(name, set()).update([plain[1]] if plain else [])
            odd.update(() if plain else [name])
    return {name: frozenset(found) for name, found in keys.items() if name not in odd}


def holds(allowed_signers: str, name: str, payload: bytes, signature: str) -> bool:
    """Whether this is a plain signature over `payload` by a key of this principal's. Where it says no, it may hold all
    the same. Raises ImportError where the library is not installed."""
    from cryptography.exceptions import InvalidSignature

    found = _ARMOUR.fullmatch(signature)
    try:
        blob = base64.b64decode(found[1].replace("\n", ""), validate=True) if found else b""
    except binascii.Error:
        return False
    for key in plain_keys(allowed_signers).get(name, ()):
        signed = _signed(blob, base64.b64decode(key), payload)
        if signed is not None:
            try:
                _public_key(key).verify(blob[-SIGNATURE_BYTES:], signed)
            except InvalidSignature:
                return False
            return True
    return False


def _signed(blob: bytes, key: bytes, payload: bytes) -> bytes | None:
    """What the signature in this blob is of; None where the blob is not of exactly this key and the plain shape."""
    for name, scope in _HASHES.items():
        kind = _string(b"ssh-ed25519")
        length = len(kind) + 4 + SIGNATURE_BYTES
        before = b"SSHSIG" + (1).to_bytes(4, "big") + _string(key) + scope
        before += length.to_bytes(4, "big") + kind + SIGNATURE_BYTES.to_bytes(4, "big")
        if len(blob) == len(before) + SIGNATURE_BYTES and blob.startswith(before):
            return b"SSHSIG" + scope + _string(hashlib.new(name, payload).digest())
    return None


@lru_cache(maxsize=512)
def _public_key(key: str) -> Ed25519PublicKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    return Ed25519PublicKey.from_public_bytes(base64.b64decode(key)[-KEY_BYTES:])
