"""How does an HTTP message stand in sealed frames? A head as JSON, then the body, cut into frames and padded.

A frame's plain bytes: whether it is the last (1 byte: 1 if it is), how many bytes it brings (4), those, and zeros up to
the next multiple of `BLOCK`. What can be seen of a message is how many blocks it has: an approval and a refusal look
alike, an answer that streams shows its pace. More padding would cost more than it hides here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from missions.plain_data import read_json

BLOCK = 256
"""Bytes of which every frame is a multiple."""
FRAME_BYTES = 64 * 1024
"""The most that one frame brings."""
HEAD_BYTES = 16 * 1024
"""The longest head."""
LENGTH_BYTES = 4
TAG_BYTES = 16
MAX_SEALED_FRAME = -(-(FRAME_BYTES + LENGTH_BYTES + 1) // BLOCK) * BLOCK + TAG_BYTES


class WrongFrame(ValueError):
    """It was sealed rightly and is no frame or message of ours."""


@dataclass(frozen=True, kw_only=True)
class InnerRequest:
    """A request inside a seal."""

    method: str
    path: str
    """With the query."""
    headers: Mapping[str, str]
    body: bytes = b""

    def encode(self) -> bytes:
        """The message's bytes."""
        return encode_message({"method": self.method, "path": self.path, "headers": dict(self.headers)}, self.body)


def encode_message(head: Mapping[str, object], body: bytes = b"") -> bytes:
    """A head and the beginning of a body. The same head gives the same bytes."""
    said = json.dumps(head, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()
    return len(said).to_bytes(LENGTH_BYTES, "big") + said + body


def decode_request(message: bytes) -> InnerRequest:
    """The request of a message. Raises WrongFrame."""
    size = int.from_bytes(message[:LENGTH_BYTES], "big")
    if len(message) < LENGTH_BYTES + size or size > HEAD_BYTES:
        raise WrongFrame("a head is missing or too long")
    try:
        head = read_json(message[LENGTH_BYTES : LENGTH_BYTES + size].decode())
        method, path, headers = head["method"], head["path"], head["headers"]
        texts = (method, path, *headers, *headers.values())
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise WrongFrame("the head cannot be read") from error
    if not all(isinstance(each, str) and each.isascii() and each.isprintable() for each in texts):
        raise WrongFrame("the head holds what no head may")
    if len(head) != 3 or not path.startswith("/") or not method.isalpha() or not method.isupper():
        raise WrongFrame("the head is none of a request")
    return InnerRequest(method=method, path=path, headers=headers, body=message[LENGTH_BYTES + size :])


def encode_frame(data: bytes, *, last: bool) -> bytes:
    """A frame's plain bytes."""
    plain = bytes([last]) + len(data).to_bytes(LENGTH_BYTES, "big") + data
    return plain + bytes(-len(plain) % BLOCK)


def decode_frame(plain: bytes) -> tuple[bytes, bool]:
    """What a frame brings, and whether it is the last. Raises WrongFrame."""
    size = int.from_bytes(plain[1 : 1 + LENGTH_BYTES], "big")
    end = 1 + LENGTH_BYTES + size
    if len(plain) < end or len(plain) % BLOCK or plain[0] > 1 or len(plain) - end >= BLOCK or any(plain[end:]):
        raise WrongFrame("this is no frame")
    return plain[1 + LENGTH_BYTES : end], plain[0] == 1


def cut_frames(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The plain frames of a message that comes in chunks: each is passed on as it comes, the last one is marked."""
    for chunk in chunks:
        for at in range(0, len(chunk), FRAME_BYTES):
            yield encode_frame(chunk[at : at + FRAME_BYTES], last=False)
    yield encode_frame(b"", last=True)
