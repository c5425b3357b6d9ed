"""What stands in for a push service and the browser behind it? A server on loopback that decrypts as a browser does.

Written from RFC 8188, 8291 and 8292, apart from the code under test.
"""

from __future__ import annotations

import base64
import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

import jwt
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.loopback import LoopbackServer
from tests.waiting import PATIENCE, until


def b64(data: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    """The same backwards."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _hmac(key: bytes, data: bytes) -> bytes:
    made = hmac.HMAC(key, hashes.SHA256())
    made.update(data)
    return made.finalize()


@dataclass(frozen=True, kw_only=True)
class Browser:
    """One browser's subscription."""

    private: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    auth: bytes = field(default_factory=lambda: os.urandom(16))

    @property
    def point(self) -> bytes:
        """Its public key."""
        return self.private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    def keys(self) -> dict[str, str]:
        """As `PushSubscription.toJSON()` has them."""
        return {"p256dh": b64(self.point), "auth": b64(self.auth)}

    def decrypt(self, body: bytes) -> bytes:
        """What is in a push (RFC 8188, section 2, and RFC 8291, section 3)."""
        salt, record, length = body[:16], int.from_bytes(body[16:20], "big"), body[20]
        sender, sealed = body[21 : 21 + length], body[21 + length :]
        assert len(sealed) <= record
        public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sender)
        secret = self.private.exchange(ec.ECDH(), public)
        keyed = _hmac(_hmac(self.auth, secret), b"WebPush: info\x00" + self.point + sender + b"\x01")
        extracted = _hmac(salt, keyed)
        key = _hmac(extracted, b"Content-Encoding: aes128gcm\x00\x01")[:16]
        nonce = _hmac(extracted, b"Content-Encoding: nonce\x00\x01")[:12]
        plain = AESGCM(key).decrypt(nonce, sealed, None).rstrip(b"\x00")
        assert plain[-1] == 2, "it is the last record"
        return plain[:-1]


@dataclass(kw_only=True)
class PushService:
    """A running one. `answers` are the statuses and headers of the next requests; then 201."""

    url: str
    browser: Browser = field(default_factory=Browser)
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)

    @property
    def said(self) -> list[dict[str, Any]]:
        """What the browser reads."""
        return [json.loads(self.browser.decrypt(body)) for body in self.bodies]

    def signer(self, number: int = -1) -> dict[str, Any]:
        """Who sent it, checked with the key that came along."""
        scheme, _, rest = self.headers[number]["Authorization"].partition(" ")
        assert scheme == "vapid"
        parts = dict(part.strip().split("=", 1) for part in rest.split(","))
        public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), unb64(parts["k"]))
        claims: dict[str, Any] = jwt.decode(parts["t"], public, algorithms=["ES256"], audience=self.url)
        return {**claims, "k": parts["k"]}

    def wait(self, count: int) -> None:
        """Until so many came."""
        until(lambda: len(self.bodies) >= count, f"{count} pushes")


@contextmanager
def push_service() -> Iterator[PushService]:
    """Starts one on a free port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            found.headers.append(dict(self.headers))
            found.times.append(time.monotonic())
            found.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            status, headers = found.answers.pop(0) if found.answers else (201, {})
            self.send_response(status)
            for name, value in {"Content-Length": "0", **headers}.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_args: object) -> None:
            """Says nothing."""

    server = LoopbackServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    found = PushService(url=f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=PATIENCE)
