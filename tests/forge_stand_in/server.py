"""How is the stand-in for a forge served? On loopback over real HTTP: three APIs, and git behind `git http-backend`."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.forge_descriptions.description import Exchange
from tests.forge_stand_in.dialects import Dialect, ForgejoDialect, GitHubDialect
from tests.forge_stand_in.gitlab_dialect import GitLabDialect
from tests.forge_stand_in.state import NAME, OWNER, ForgeState, Refusal
from tests.loopback import LoopbackServer
from tests.orchestrator.repositories import CLEAN, git

APIS = {"github": "/api/v3", "gitlab": "/api/v4", "forgejo": "/api/v1"}
WITH_ETAG = frozenset({"github", "gitlab"})


@dataclass
class ForgeServer:
    """The server. `lose` and `answers` say what goes wrong, each once and each for requests that begin like that."""

    state: ForgeState
    url: str = ""
    dialects: dict[str, Dialect] = field(default_factory=dict)
    lose: list[str] = field(default_factory=list)
    """`METHOD /path`: such a request is done, and its answer never comes."""
    answers: list[tuple[str, Refusal]] = field(default_factory=list)
    """The same, with what is answered and nothing is done."""
    raw: bytes | None = None
    """What is answered to everything: bytes of whatever kind."""
    asked: list[tuple[str, str]] = field(default_factory=list)
    seen: list[dict[str, str]] = field(default_factory=list)
    """The headers of each request."""
    exchanges: list[tuple[str, Exchange]] = field(default_factory=list)
    """By kind: what was asked and answered, for whoever knows what the makers have published."""

    @property
    def project(self) -> str:
        """The project's address, as people see it."""
        return f"{self.url}/{OWNER}/{NAME}"

    @property
    def writes(self) -> list[str]:
        """What was asked to be written."""
        return [f"{method} {path}" for method, path in self.asked if method != "GET"]

    def answer(self, method: str, target: str, headers: dict[str, str], body: Any) -> tuple[int, Any, dict[str, str]]:
        """What one request to an API is answered."""
        path, _, query = target.partition("?")
        kind = next((kind for kind, start in APIS.items() if path.startswith(start)), "")
        route = path.removeprefix(APIS.get(kind, ""))
        asked = {name: values[0] for name, values in parse_qs(query).items()}
        self.asked.append((method, route))
        self.seen.append(headers)
        made_up = next((one for one in self.answers if f"{method} {route}".startswith(one[0])), None)
        if made_up is not None:
            self.answers.remove(made_up)
            found = made_up[1].status, made_up[1].body, made_up[1].headers
        else:
            found = self._told(kind, method, route, headers, asked, body)
        one = Exchange(
            method=method,
            path=route,
            query=asked,
            body=body,
            status=found[0],
            answer=found[1],
            made_up=made_up is not None,
        )
        self.exchanges.append((kind, one))
        return found

    def _told(
        self, kind: str, method: str, route: str, headers: dict[str, str], asked: dict[str, str], body: Any
    ) -> tuple[int, Any, dict[str, str]]:
        """What the API says of its own."""
        dialect = self.dialects.get(kind)
        if dialect is None or not dialect.may(headers):
            return 401 if dialect else 404, {"message": "Bad credentials"}, {}
        try:
            with self.state.lock:
                status, told = dialect.answer(method, route, asked, body)
                pages = dialect.page_headers()
        except Refusal as refused:
            return refused.status, refused.body, refused.headers
        etag = f'W/"{hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]}"' if kind in WITH_ETAG else ""
        if etag and method == "GET" and headers.get("If-None-Match") == etag:
            return 304, None, {"ETag": etag}
        return status, told, pages | ({"ETag": etag} if etag else {})

    def is_lost(self, method: str, target: str) -> bool:
        """Whether the answer to this request does not arrive."""
        path = target.partition("?")[0]
        for start in APIS.values():
            path = path.removeprefix(start)
        found = next((one for one in self.lose if f"{method} {path}".startswith(one)), None)
        if found is not None:
            self.lose.remove(found)
        return found is not None


class ForgeHandler(BaseHTTPRequestHandler):
    """One request, to git or to an API."""

    forge: ForgeServer

    def _serve(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        data = self._chunks() if self.headers.get("Transfer-Encoding") == "chunked" else self.rfile.read(size)
        if self.path.startswith(f"/{OWNER}/{NAME}.git/"):
            return self._git(data)
        if self.forge.raw is not None:
            return self._send(200, self.forge.raw, {})
        body = json.loads(data) if data else None
        status, told, headers = self.forge.answer(self.command, self.path, dict(self.headers), body)
        if self.forge.is_lost(self.command, self.path):
            self.close_connection = True
            return None
        return self._send(status, b"" if told is None else json.dumps(told).encode(), headers)

    do_GET = do_POST = do_PATCH = do_PUT = _serve

    def _send(self, status: int, data: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        with suppress(OSError):  # whoever had enough has hung up
            self.wfile.write(data)

    def _chunks(self) -> bytes:
        found = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            found += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return found

    def _git(self, data: bytes) -> None:
        parts, repository = urlsplit(self.path), self.forge.state.repository
        environment = CLEAN | {
            "GIT_PROJECT_ROOT": str(repository.parent),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": parts.path.replace(f"/{OWNER}/{NAME}.git", f"/{repository.name}", 1),
            "QUERY_STRING": parts.query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(data)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "REMOTE_USER": "bot",
            "PATH": os.environ["PATH"],
        }
        done = subprocess.run(["git", "http-backend"], input=data, env=environment, capture_output=True, check=True)
        head, _, body = done.stdout.partition(b"\r\n\r\n")
        lines = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        status = int(lines.pop("Status", "200").split()[0])
        self.send_response(status)
        for name, value in lines.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # its name there
        """Says nothing."""


@contextmanager
def forge_server(repository: Path) -> Iterator[ForgeServer]:
    """Serves a bare repository as the project on a forge."""
    git(repository, "config", "http.receivepack", "true")
    forge = ForgeServer(ForgeState(repository))

    handler = type("Handler", (ForgeHandler,), {"forge": forge})
    server = LoopbackServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    forge.url = f"http://127.0.0.1:{server.server_address[1]}"
    forge.dialects = {
        "github": GitHubDialect(forge.state, forge.url),
        "gitlab": GitLabDialect(forge.state, forge.url),
        "forgejo": ForgejoDialect(forge.state, forge.url, cap=50, size_word="limit", whole_talk=True),
    }
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield forge
    finally:
        server.shutdown()
        server.server_close()
        thread.join(60)
