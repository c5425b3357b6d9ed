"""How does a client of a load run speak, well and badly? Each request on a connection of its own, each wait bounded."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import struct
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from tests.waiting import PATIENCE

WAIT_SECONDS = PATIENCE
GONE = 0
"""The status of an answer that did not come: the connection was cut."""


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What came back. Times are monotonic seconds."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    began: float = 0.0
    ended: float = 0.0

    @property
    def kind(self) -> str:
        """The media type."""
        return self.headers.get("content-type", "").partition(";")[0]

    def json(self) -> Any:
        """The body; None where it is no JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


@dataclass(kw_only=True)
class Stream:
    """A stream that is being read."""

    head: Reply
    answer: http.client.HTTPResponse
    link: http.client.HTTPConnection

    def events(self) -> Iterator[tuple[str, Any]]:
        """Each event's name and data; `[DONE]` has no data."""
        name = ""
        while line := self.answer.readline().decode():
            if line.startswith("event: "):
                name = line[7:].strip()
            elif line.startswith("data: "):
                yield (name, None) if line.strip() == "data: [DONE]" else (name, json.loads(line[6:]))
                name = ""


@dataclass(frozen=True)
class Wire:
    """The way to one server."""

    url: str

    @property
    def place(self) -> tuple[str, int]:
        """Host and port."""
        parts = urlsplit(self.url)
        return parts.hostname or "", parts.port or 0

    def ask(
        self, method: str, path: str, body: Any = None, *, token: str = "", headers: Mapping[str, str] | None = None
    ) -> Reply:
        """One request and its whole answer. `body` is JSON, or bytes, or pieces of a chunked body."""
        began, link = time.monotonic(), self.link()
        with contextlib.closing(link):
            try:
                self.send(link, method, path, body, token=token, headers=headers)
                answer = link.getresponse()
                return _reply(answer, answer.read(), began)
            except (OSError, http.client.HTTPException) as error:
                if isinstance(error, TimeoutError):
                    raise
                return Reply(status=GONE, began=began, ended=time.monotonic())

    @contextlib.contextmanager
    def stream(self, path: str, body: Any, *, token: str, window: int = 0) -> Iterator[Stream]:
        """A request whose answer is read as it comes; its connection is closed at the end, read or not."""
        began, link = time.monotonic(), self.link(window)
        with contextlib.closing(link):
            self.send(link, "POST", path, body, token=token)
            answer = link.getresponse()
            with contextlib.closing(answer):
                whole = b"" if answer.status == http.client.OK else answer.read()
                yield Stream(head=_reply(answer, whole, began), answer=answer, link=link)

    def link(self, window: int = 0) -> http.client.HTTPConnection:
        """A connection; `window` is how many bytes may wait for a slow reader."""
        link = http.client.HTTPConnection(*self.place, timeout=WAIT_SECONDS)
        if window:
            link.connect()
            link.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
        return link

    def send(
        self,
        link: http.client.HTTPConnection,
        method: str,
        path: str,
        body: Any,
        *,
        token: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Sends a request, and does not wait for its answer."""
        told = {"Authorization": f"Bearer {token}"} if token else {}
        told |= {"Content-Type": "application/json"} if body is not None else {}
        data = json.dumps(body) if isinstance(body, dict | list) else body
        link.request(method, path, body=data, headers={**told, **(headers or {})})

    def raw(self, sent: list[bytes], *, pause: float = 0.0, listen: bool = True) -> Reply:
        """Bytes as they are, with a pause after each part; then the answer, if anybody listens for it."""
        began = time.monotonic()
        with socket.create_connection(self.place, timeout=WAIT_SECONDS) as bare:
            try:
                for part in sent:
                    bare.sendall(part)
                    time.sleep(pause)
                if not listen:
                    return Reply(status=GONE, began=began, ended=time.monotonic())
                answer = http.client.HTTPResponse(bare)
                answer.begin()
                return _reply(answer, answer.read(), began)
            except (OSError, http.client.HTTPException) as error:
                if isinstance(error, TimeoutError):
                    raise
                return Reply(status=GONE, began=began, ended=time.monotonic())


def slam(link: http.client.HTTPConnection) -> None:
    """Hangs up with a reset, as a phone does that is gone."""
    if link.sock is not None:
        link.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _reply(answer: http.client.HTTPResponse, body: bytes, began: float) -> Reply:
    headers = {name.lower(): value for name, value in answer.getheaders()}
    return Reply(status=answer.status, headers=headers, body=body, began=began, ended=time.monotonic())
