"""How do tests reach a bare repository the way real remotes are reached: git:// and smart HTTP, on loopback?

`git_daemon` and `smart_http` are for tests only: neither asks who is there. `shiftbook_serve` is the real thing.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests import program
from tests.orchestrator.repositories import CLEAN


def free_port() -> int:
    """A TCP port on loopback that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _listening(port: int, seconds: float = 10.0) -> None:
    over = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert time.monotonic() < over, "the server does not listen"
            time.sleep(0.02)
        else:
            return


@contextmanager
def git_daemon(folder: Path) -> Iterator[str]:
    """Serves every repository in `folder` by git://, pushes included. Yields the URL without the repository's name."""
    port = free_port()
    words = ["--reuseaddr", "--listen=127.0.0.1", f"--port={port}", f"--base-path={folder}", "--export-all"]
    process = subprocess.Popen(
        ["git", "daemon", *words, "--enable=receive-pack", str(folder)],
        env=CLEAN,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _listening(port)
        yield f"git://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=60)


class _Backend(BaseHTTPRequestHandler):
    """`git http-backend` as the CGI program that it is (gitprotocol-http, RFC 3875)."""

    folder: Path

    def do_GET(self) -> None:
        self._run(b"")

    def do_POST(self) -> None:
        chunked = self.headers.get("Transfer-Encoding", "").lower() == "chunked"
        length = int(self.headers.get("Content-Length") or 0)
        self._run(b"".join(self._chunks()) if chunked else self.rfile.read(length))

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self.rfile.readline().split(b";")[0], 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def _run(self, body: bytes) -> None:
        path, _, query = self.path.partition("?")
        env = CLEAN | {
            "GIT_PROJECT_ROOT": str(self.folder),
            "GIT_HTTP_EXPORT_ALL": "1",
            "REQUEST_METHOD": self.command,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "REMOTE_ADDR": "127.0.0.1",
            "REMOTE_USER": "anybody",
        }
        done = subprocess.run(["git", "http-backend"], env=env, input=body, capture_output=True, check=False)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        fields = [line.partition(": ") for line in head.decode().splitlines()]
        status = next((value for name, _, value in fields if name == "Status"), "200 OK")
        self.send_response(int(status.split()[0]))
        for name, _, value in fields:
            if name and name != "Status":
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_args: object) -> None:
        """Says nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_args: object) -> None:
        """A client that was killed while it waited is what some tests are about."""


@contextmanager
def smart_http(folder: Path) -> Iterator[str]:
    """Serves every repository in `folder` by smart HTTP, pushes included. Yields the URL without the repository."""
    handler = type("Backend", (_Backend,), {"folder": folder})
    server = _Server(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=60)


@contextmanager
def shiftbook_serve(home: Path, bare: Path, **extra: str) -> Iterator[str]:
    """Serves a bare repository with a `shiftbook serve` process of its own. Yields the repository's URL."""
    kept = {key: value for key, value in CLEAN.items() if not key.startswith(("SHIFTBOOK_", "FACTORY_"))}
    own = {
        "SHIFTBOOK_HOME": str(home),
        "SHIFTBOOK_LEDGER": str(bare),
        "SHIFTBOOK_SERVE_GIT": "1",
        "SHIFTBOOK_HTTP": "127.0.0.1:0",
        "FACTORY_ROLE": "HEADQUARTERS",
    }
    record = home / "http.json"
    record.unlink(missing_ok=True)
    ours, theirs = os.pipe()  # closed with this process, by SIGKILL too: then the server ends as well
    words, env = ("serve", "--parent", str(ours)), kept | own | extra
    process = program.start(*words, env=env, cwd=bare.parent, stdout=2, stderr=2, session=True, pass_fds=(ours,))
    os.close(ours)
    try:
        over = time.monotonic() + 30
        while not record.exists():
            assert process.poll() is None, f"shiftbook serve ended with {process.returncode}"
            assert time.monotonic() < over, "shiftbook serve does not listen"
            time.sleep(0.02)
        url = str(json.loads(record.read_text(encoding="utf-8"))["url"])
        _listening(int(url.rpartition(":")[2]))
        yield f"{url}/git/{bare.name}"
    finally:
        process.terminate()
        try:
            process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(timeout=60)
            raise
        finally:
            os.close(theirs)
