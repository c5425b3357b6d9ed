"""How large may a request's body be? As large as its route allows, whether its length was told or not."""

from __future__ import annotations

import io
from typing import Any

from flask import Request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge

from missions.attachments.attachment import MAX_ALL_BYTES
from missions.document import MAX_FILE_BYTES

MISSION_BODY_BYTES = MAX_FILE_BYTES + MAX_ALL_BYTES * 4 // 3 + 64 * 1024
"""Bytes of a mission with all that it may come with, as it is sent."""


class LimitedBody(io.RawIOBase):
    """A body of unknown length. Werkzeug's own stream would end at the roof as if that were all (3.1)."""

    def __init__(self, inner: Any, roof: int) -> None:
        super().__init__()
        self._inner, self._left, self._roof = inner, roof, roof

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, into: Any) -> int:
        """Reads some bytes. Raises RequestEntityTooLarge at the first byte above the roof, BadRequest for no chunks."""
        try:
            data = self._inner.read(min(len(into), self._left + 1))
        except (ParseException, OSError) as error:  # broken, or stopped in the middle
            raise BadRequest("the chunks of the body cannot be read") from error
        if len(data) > self._left:
            raise too_large(self._roof)
        self._left -= len(data)
        into[: len(data)] = data
        return len(data)


def too_large(roof: int) -> RequestEntityTooLarge:
    """413."""
    return RequestEntityTooLarge(f"a body may have {roof} bytes here")


def limit(request: Request, roof: int) -> None:
    """Holds a request to a roof, in bytes. Raises RequestEntityTooLarge where its length says enough."""
    request.max_content_length = roof
    if request.content_length is not None:
        if request.content_length > roof:
            raise too_large(roof)
        return
    request.max_content_length = None
    request.environ["wsgi.input"] = LimitedBody(request.environ["wsgi.input"], roof)
