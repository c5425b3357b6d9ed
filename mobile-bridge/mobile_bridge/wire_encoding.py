"""How do bytes stand in texts and in what is hashed? One encoding of parts that cannot be read in two ways."""

from __future__ import annotations

import base64
import binascii


def encode_base64(data: bytes) -> str:
    """URL-safe base64 without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode_base64(text: str, length: int | None = None) -> bytes:
    """What `encode_base64` was given. Raises ValueError for anything else, and for another length in bytes."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("this is no base64") from error
    if encode_base64(data) != text:  # filling bits that say something, padding
        raise ValueError("this is no base64 of ours")
    if length is not None and len(data) != length:
        raise ValueError(f"{length} bytes belong here, not {len(data)}")
    return data


def join_parts(*parts: bytes | str) -> bytes:
    """Parts, each behind its length in four bytes: no two lists of parts give the same bytes."""
    raw = (part.encode() if isinstance(part, str) else part for part in parts)
    return b"".join(len(part).to_bytes(4, "big") + part for part in raw)
