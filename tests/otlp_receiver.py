"""What do tests send traces to? A receiver of OTLP over HTTP on loopback, as a collector is one.

It takes `POST /v1/traces` with the protocol's own messages, plain or packed, and keeps the spans. It can be told to
refuse, or to keep callers waiting.
"""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.loopback import LoopbackServer
from tests.waiting import PATIENCE


@dataclass(frozen=True, kw_only=True)
class ReceivedSpan:
    """A span as it came over the line."""

    name: str
    trace: str
    id: str
    parent: str
    facts: dict[str, str]
    resource: dict[str, str]
    failed: str
    """Why it failed; empty if it did not."""
    nanoseconds: int


@dataclass
class OtlpReceiver:
    """A running one."""

    url: str = ""
    spans: list[ReceivedSpan] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    status: int = 200
    held: threading.Event | None = None
    """None: it answers at once; else when this is set."""

    def of(self, name: str) -> list[ReceivedSpan]:
        """The spans of a name."""
        return [span for span in self.spans if span.name == name]

    def take(self, body: bytes) -> None:
        """Keeps what a request brought."""
        self.raw.append(body)
        told = ExportTraceServiceRequest.FromString(body)
        for group in told.resource_spans:
            resource = {one.key: _text(one.value) for one in group.resource.attributes}
            for scope in group.scope_spans:
                for span in scope.spans:
                    self.spans.append(
                        ReceivedSpan(
                            name=span.name,
                            trace=span.trace_id.hex(),
                            id=span.span_id.hex(),
                            parent=span.parent_span_id.hex(),
                            facts={one.key: _text(one.value) for one in span.attributes},
                            resource=resource,
                            failed=span.status.message if span.status.code == 2 else "",
                            nanoseconds=span.end_time_unix_nano - span.start_time_unix_nano,
                        )
                    )


def _text(value) -> str:  # type: ignore[no-untyped-def]  # a message of protobuf's
    return str(getattr(value, value.WhichOneof("value")))


@contextmanager
def otlp_receiver() -> Iterator[OtlpReceiver]:
    """One that listens; it is gone afterwards."""
    found = OtlpReceiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if found.held is not None:
                found.held.wait(PATIENCE)
            if found.status == 200:
                found.headers.append(dict(self.headers))
                found.take(gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)
            self.send_response(found.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *words: object) -> None:
            """Nothing."""

    server = LoopbackServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    found.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        if found.held is not None:
            found.held.set()
        server.shutdown()
        server.server_close()
        thread.join(10)
