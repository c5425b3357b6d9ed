"""How do tests serve a feed? A real HTTP server on loopback, whose answers a test writes."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

from tests.loopback import LoopbackServer
from tests.waiting import PATIENCE

RSS = '<?xml version="1.0"?><rss version="2.0"><channel><title>News</title>{items}</channel></rss>'


def rss(*titles: str, when: str = "", summary: str = "words") -> bytes:
    """A feed with these entries, the newest first."""
    date = f"<pubDate>{when}</pubDate>" if when else ""
    items = "".join(
        f"<item><guid>id-{title}</guid><title>{title}</title><link>https://news.example/{title}</link>"
        f"<description>{summary}</description>{date}</item>"
        for title in titles
    )
    return RSS.format(items=items).encode()


@dataclass
class FeedServer:
    """What it answers with: a status, headers and a body, or what a test does itself. `asked` are requests' headers."""

    server: LoopbackServer
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    asked: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)
    endless_head: bool = False
    drip: float = 0.0
    """Seconds between two bytes of the body."""

    @property
    def url(self) -> str:
        """The feed's address."""
        return f"http://127.0.0.1:{self.server.server_address[1]}/feed.xml"

    def serves(self, body: bytes, status: int = 200, **headers: str) -> None:
        """From now on this; `ETag` and `Last_Modified` as they are given."""
        self.body, self.status = body, status
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


class _Handler(BaseHTTPRequestHandler):
    found: FeedServer

    def do_GET(self) -> None:
        found = self.found
        found.asked.append(dict(self.headers))
        found.paths.append(self.path)
        same = self._is_unchanged()
        self.send_response(304 if same else found.status)
        while found.endless_head and not found.ended.wait(0.02):
            self.send_header("X-More", "of the same")
            self.flush_headers()
        for name, value in found.headers.items():
            self.send_header(name, value)
        self.send_header(*(("Connection", "close") if same or found.drip else ("Content-Length", str(len(found.body)))))
        self.end_headers()
        if not same:
            self._write(found.body)

    def _is_unchanged(self) -> bool:
        pairs = (("ETag", "If-None-Match"), ("Last-Modified", "If-Modified-Since"))
        return any(
            name in self.found.headers and self.found.headers[name] == self.headers.get(asked) for name, asked in pairs
        )

    def _write(self, body: bytes) -> None:
        try:
            if not self.found.drip:
                self.wfile.write(body)
                return
            for number in range(len(body)):
                self.wfile.write(body[number : number + 1])
                if self.found.ended.wait(self.found.drip):
                    return
        except OSError:
            pass  # the reader has had enough, which is what some tests are about

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@contextmanager
def feed_server() -> Iterator[FeedServer]:
    """A running one."""

    class Handler(_Handler):
        """This server's."""

    server = LoopbackServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    found = Handler.found = FeedServer(server=server)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        found.ended.set()
        server.shutdown()
        server.server_close()
        thread.join(timeout=PATIENCE)


def titles(entries: Sequence[object] | None) -> list[str]:
    """The titles of entries."""
    return [str(getattr(each, "title", "")) for each in entries or ()]
