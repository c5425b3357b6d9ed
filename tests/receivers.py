"""Who receives what a node tells people? A real HTTP server and a real SMTP server, on loopback."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler
from typing import Any

from aiosmtpd.controller import Controller

from tests.loopback import LoopbackServer
from tests.servers import free_port
from tests.waiting import PATIENCE, until


@dataclass
class Hook:
    """An HTTP server that takes notifications. `answers` are the status codes of the next requests; then 200."""

    server: LoopbackServer
    got: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    before_answer: Callable[[], object] = lambda: None

    def url(self, path: str = "hook", *, user: str = "") -> str:
        """Where apprise sends to."""
        return f"json://{user}127.0.0.1:{self.server.server_address[1]}/{path}"

    @property
    def titles(self) -> list[str]:
        return [str(each["title"]) for each in self.got]

    @property
    def keys(self) -> list[str]:
        return [each["Idempotency-Key"] for each in self.headers]

    def wait(self, count: int, seconds: float = PATIENCE) -> None:
        """Until so many messages came."""
        until(lambda: len(self.got) >= count, f"{count} messages", seconds=seconds)


@contextmanager
def hook() -> Iterator[Hook]:
    """A running one."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.headers.append(dict(self.headers))
            found.got.append(json.loads(body))
            found.before_answer()
            code = found.answers.pop(0) if found.answers else 200
            self.send_response(code)
            if 300 <= code < 400:
                self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = LoopbackServer(("127.0.0.1", 0), Handler)
    found = Hook(server)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=60)


@dataclass
class Mailbox:
    """What an SMTP server was given: each mail with its envelope."""

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)

    def url(self, to: str = "ada@shiftbook.invalid") -> str:
        """Where apprise sends to."""
        return f"mailto://127.0.0.1:{self.port}?from=node@shiftbook.invalid&to={to}&mode=insecure"

    async def handle_DATA(self, _server: object, _session: object, envelope: Any) -> str:
        """Takes a mail."""
        self.raw.append(bytes(envelope.content))
        self.recipients.append(list(envelope.rcpt_tos))
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        return "250 taken"


@contextmanager
def mailbox() -> Iterator[Mailbox]:
    """A running SMTP server."""
    found = Mailbox()
    found.port = free_port()  # it connects to the port that it was given, so 0 is none
    controller = Controller(found, hostname="127.0.0.1", port=found.port, ready_timeout=PATIENCE)  # its own are 5 s
    controller.start()
    try:
        yield found
    finally:
        controller.stop()
