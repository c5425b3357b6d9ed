"""A stand-in for an Infisical server, which cannot be reached here: its two routes, as its documents describe them.

It is a real HTTP server on loopback; what it is asked is kept, and a test may have it answer otherwise.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.loopback import LoopbackServer
from tests.waiting import PATIENCE

CLIENT_ID, CLIENT_SECRET = "id-of-the-node", "secret-of-the-node"
PROJECT, TOKEN = "3c90c3cc-0d44-4b50-8888-8dd25736052a", "token-for-an-hour"


@dataclass
class Infisical:
    """The server: what it keeps, and how it is to fail."""

    url: str = ""
    secrets: dict[str, str] = field(default_factory=dict)
    imported: dict[str, str] = field(default_factory=dict)
    hidden: frozenset[str] = frozenset()
    former: bool = False
    """It is an old server, without the fourth version of its routes."""
    login_status: int = 200
    body: bytes | None = None
    """What it answers in place of its secrets."""
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def environment(self) -> dict[str, str]:
        """What a node is set up with."""
        return {
            "SHIFTBOOK_INFISICAL_URL": self.url,
            "SHIFTBOOK_INFISICAL_PROJECT": PROJECT,
            "SHIFTBOOK_INFISICAL_CLIENT_ID": CLIENT_ID,
            "SHIFTBOOK_INFISICAL_CLIENT_SECRET": CLIENT_SECRET,
        }

    def log_in(self, body: dict[str, Any]) -> tuple[int, Any]:
        """A machine identity is given a token for an hour."""
        if self.login_status != 200:
            return self.login_status, {"message": "no", "echo": body}
        if body != {"clientId": CLIENT_ID, "clientSecret": CLIENT_SECRET}:
            return 401, {"message": "Invalid credentials"}
        return 200, {"accessToken": TOKEN, "expiresIn": 3600, "accessTokenMaxTTL": 7200, "tokenType": "Bearer"}

    def listing(self, path: str, asked: dict[str, str], bearer: str) -> tuple[int, Any]:
        """What a folder of an environment holds."""
        self.asked.append((path, asked))
        if bearer != f"Bearer {TOKEN}":
            return 401, {"message": "Token missing"}
        if path == "/api/v4/secrets" and not self.former:
            project = asked.get("projectId")
        elif path == "/api/v3/secrets/raw":
            project = asked.get("workspaceId")
        else:
            return 404, {"message": "Route not found"}
        if project != PROJECT or asked.get("environment") not in {"prod", "dev"}:
            return 404, {"message": "Project or environment not found"}
        imports = [{"secretPath": "/shared", "environment": "prod", "secrets": self._rows(self.imported)}]
        return 200, {"secrets": self._rows(self.secrets), "imports": imports}

    def _rows(self, pairs: dict[str, str]) -> list[dict[str, Any]]:
        return [
            {
                "id": name,
                "secretKey": name,
                "secretValue": "<hidden-by-infisical>" if name in self.hidden else value,
                "secretValueHidden": name in self.hidden,
                "type": "shared",
            }
            for name, value in pairs.items()
        ]


@contextmanager
def infisical() -> Iterator[Infisical]:
    """Serves one on loopback."""
    state = Infisical()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            size = int(self.headers.get("Content-Length", 0))
            body = json.loads(self.rfile.read(size))
            self._answer(*(state.log_in(body) if self.path == "/api/v1/auth/universal-auth/login" else (404, {})))

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
            found = state.listing(parts.path, asked, self.headers.get("Authorization", ""))
            self._answer(*found, raw=state.body)

        def _answer(self, status: int, told: Any, raw: bytes | None = None) -> None:
            words = json.dumps(told).encode() if raw is None else raw
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(words)))
            self.end_headers()
            self.wfile.write(words)

        def log_message(self, format: str, *args: object) -> None:  # its name there
            """Says nothing."""

    server = LoopbackServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join(PATIENCE)
