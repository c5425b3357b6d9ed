"""A stand-in for a model's API on loopback: answers what a test tells it, and keeps what it was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

from tests.loopback import LoopbackServer

KEY = "sk-the-nodes-own-key"


@dataclass(frozen=True)
class Asked:
    """One request as it came."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Api:
    """What to answer, and what was asked. `answer` writes the whole answer."""

    port: int = 0
    asked: list[Asked] = field(default_factory=list)
    answer: Callable[[BaseHTTPRequestHandler], None] = lambda handler: whole(handler, {"model": "m"})

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"


def whole(handler: BaseHTTPRequestHandler, said: object, *, status: int = 200, **headers: str) -> None:
    """An answer in one piece."""
    body = said if isinstance(said, bytes) else json.dumps(said).encode()
    handler.send_response(status)
    handler.send_header("content-type", "application/json")
    handler.send_header("content-length", str(len(body)))
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


def events(handler: BaseHTTPRequestHandler, *said: object) -> None:
    """An answer as server-sent events; a callable among them is called in its turn."""
    handler.send_response(200)
    handler.send_header("content-type", "text/event-stream")
    handler.send_header("connection", "close")
    handler.end_headers()
    for each in said:
        if callable(each):
            each()
        else:
            data = each if isinstance(each, str) else json.dumps(each)
            handler.wfile.write(f"event: x\ndata: {data}\n\n".encode())
            handler.wfile.flush()


@contextmanager
def api() -> Iterator[Api]:
    """Serves until the block is left."""
    state = Api()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            chunked = self.headers.get("transfer-encoding") == "chunked"
            body = self._chunks() if chunked else self.rfile.read(int(self.headers.get("content-length") or 0))
            state.asked.append(Asked(self.command, self.path, dict(self.headers), body))
            state.answer(self)

        do_GET = do_PUT = do_DELETE = do_POST

        def _chunks(self) -> bytes:
            found = b""
            while size := int(self.rfile.readline(), 16):
                found += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return found

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Says nothing."""

    with LoopbackServer(("127.0.0.1", 0), Handler) as server:
        state.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield state
        finally:
            server.shutdown()
            thread.join()
