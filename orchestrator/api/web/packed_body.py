"""How is a body packed with gzip read and sent, without one that unpacks to more than it may?"""

from __future__ import annotations

import gzip
import zlib

from flask import Request, Response
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

from orchestrator.api.web import body_limit

GZIP_BITS = 31
"""zlib's window for gzip's own head (zlib.h)."""
MIN_PACKED_BYTES = 4096
"""Bytes below which an answer is sent as it is."""
LEVEL = 1
"""How hard it is packed: this takes a third of the time of the usual level."""


def read_body(request: Request, roof: int) -> bytes:
    """The body, unpacked. Raises RequestEntityTooLarge above `roof` bytes, UnsupportedMediaType, BadRequest."""
    how = request.headers.get("Content-Encoding", "identity").strip().lower()
    data = request.get_data(cache=False)
    if how in {"", "identity"}:
        return data
    if how != "gzip":
        raise UnsupportedMediaType("send the body as it is, or with `Content-Encoding: gzip`")
    unpacking = zlib.decompressobj(GZIP_BITS)
    try:
        made = unpacking.decompress(data, roof + 1)
    except zlib.error as error:
        raise BadRequest("the body is no gzip") from error
    if len(made) > roof:
        raise body_limit.too_large(roof)
    if not unpacking.eof or unpacking.unused_data:
        raise BadRequest("the body's gzip is broken off, or more follows it")
    return made


def packed(request: Request, text: str) -> Response:
    """JSON that is written already, packed where the caller takes that."""
    data = text.encode()
    answer = Response(content_type="application/json")
    answer.vary.add("Accept-Encoding")
    if len(data) >= MIN_PACKED_BYTES and request.accept_encodings["gzip"] > 0:
        data = gzip.compress(data, LEVEL, mtime=0)
        answer.headers["Content-Encoding"] = "gzip"
    answer.set_data(data)
    return answer
