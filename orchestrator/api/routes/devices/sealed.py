"""The sealed door: how does a device call any route where the line is not to be trusted? `POST /sealed`.

What is inside is an ordinary request, answered by the very app as if it had come by itself, with the device as its
caller: it reaches what the device's scopes open, and nothing else.
"""

from __future__ import annotations

import contextvars
import io
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

from flask import Response, current_app, request
from flask_openapi.blueprint import APIBlueprint
from werkzeug.exceptions import BadRequest, Forbidden, ServiceUnavailable, Unauthorized

from orchestrator.api.auth.device_access import DeviceAccess
from orchestrator.api.web.auth_gate import SEALED_DEVICE_KEY, needs
from orchestrator.api.web.body_limit import MISSION_BODY_BYTES
from orchestrator.api.web.context import app_services
from orchestrator.api.web.disconnects import SOCKET_KEYS

if TYPE_CHECKING:
    from mobile_bridge.channel_table import OpenedRequest
    from mobile_bridge.sealed_frames import InnerRequest

OCTETS = "application/octet-stream"
CARRIED_BYTES = MISSION_BODY_BYTES + MISSION_BODY_BYTES // 128 + 64 * 1024
"""Bytes of a mission with all its files inside a seal: the largest that a device sends."""
SERVER_KEYS = (
    *("SERVER_NAME", "SERVER_PORT", "SERVER_PROTOCOL", "SERVER_SOFTWARE", "REMOTE_ADDR", "REMOTE_PORT", "HTTP_HOST"),
    *("wsgi.version", "wsgi.url_scheme", "wsgi.errors", "wsgi.multithread", "wsgi.multiprocess", "wsgi.run_once"),
    *SOCKET_KEYS,
)
"""What an inner request has of the outer one."""
INNER_HEADERS = frozenset(
    {"accept", "accept-encoding", "content-encoding", "idempotency-key", "last-event-id", "if-none-match", "range"}
)
"""What it may say itself, beside the content type. Who it comes from is said by the seal alone."""


def device_access() -> DeviceAccess:
    """How devices come in here. Raises ServiceUnavailable where they do not."""
    found = app_services().devices
    if found is None:
        raise ServiceUnavailable("this node meets no devices")
    return found


@cache
def blueprint() -> APIBlueprint:
    """The route."""
    routes = APIBlueprint("sealed", __name__)

    @routes.post("/sealed", summary="A sealed request of a paired device; form: in the documents, docs/devices.md")
    @needs("open", anywhere=True, devices=True, carried_bytes=CARRIED_BYTES)
    def sealed() -> Response:
        if SEALED_DEVICE_KEY in request.environ:
            raise Forbidden("a sealed request holds no other")
        message = request.get_data(cache=False)
        table = device_access().channels
        from mobile_bridge.sealed_channel import HELLO, MalformedMessage

        if message[:1] == bytes([HELLO]):
            try:
                return Response(table.welcome(message), mimetype=OCTETS)
            except MalformedMessage as error:
                raise BadRequest(str(error)) from error
        opened, inner = _open(message)
        return _answer(opened, inner)

    return routes


def _open(message: bytes) -> tuple[OpenedRequest, InnerRequest]:
    """The request inside. Raises Unauthorized for a channel that is not open, Forbidden and BadRequest for the rest."""
    from mobile_bridge.channel_table import ChannelOver, ReplayedRequest
    from mobile_bridge.key_exchange import NotSealed
    from mobile_bridge.sealed_channel import MalformedMessage
    from mobile_bridge.sealed_frames import WrongFrame, decode_request

    try:
        opened = device_access().channels.open(message)
        return opened, decode_request(opened.data)
    except ChannelOver as error:
        raise Unauthorized("the sealed channel is over: say hello again, or pair this device (again)") from error
    except ReplayedRequest as error:
        raise Forbidden("this request came before: it is done once") from error
    except NotSealed as error:
        raise Forbidden("this was not sealed for this node by a paired device, or was changed on its way") from error
    except (MalformedMessage, WrongFrame) as error:
        raise BadRequest(str(error)) from error


def _answer(opened: OpenedRequest, inner: InnerRequest) -> Response:
    from mobile_bridge.sealed_channel import seal_answer
    from mobile_bridge.sealed_frames import encode_message

    said: list[tuple[str, list[tuple[str, str]]]] = []

    def start(status: str, headers: list[tuple[str, str]], *_: object) -> Callable[[bytes], object]:
        said.append((status, headers))
        return lambda _data: None

    # in a context of its own: what the outer request has put into Flask's `g` is nobody's there
    words: Iterable[bytes] = contextvars.Context().run(current_app.wsgi_app, _environ(opened.device, inner), start)
    status, headers = said[-1]
    head = {"status": int(status.split()[0]), "headers": {name.lower(): value for name, value in headers}}

    def chunks() -> Iterator[bytes]:
        yield encode_message(head)
        yield from words

    answer = Response(seal_answer(opened.keys, opened.raw, chunks()), mimetype=OCTETS)
    answer.headers["X-Accel-Buffering"] = "no"
    close = getattr(words, "close", None)
    if close is not None:
        answer.call_on_close(close)
    return answer


def _environ(device: str, inner: InnerRequest) -> dict[str, Any]:
    """The WSGI environment of the inner request."""
    path, _, query = inner.path.partition("?")
    headers = {name.lower(): value for name, value in inner.headers.items()}
    environ = {key: request.environ[key] for key in SERVER_KEYS if key in request.environ}
    environ |= {
        "REQUEST_METHOD": inner.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query,
        "CONTENT_LENGTH": str(len(inner.body)),
        "wsgi.input": io.BytesIO(inner.body),
        SEALED_DEVICE_KEY: device,
    }
    if "content-type" in headers:
        environ["CONTENT_TYPE"] = headers["content-type"]
    for name in headers.keys() & INNER_HEADERS:
        environ[f"HTTP_{name.upper().replace('-', '_')}"] = headers[name]
    return environ
