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
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import httpx

from tests import program
from tests.loopback import LoopbackServer
from tests.orchestrator.repositories import CLEAN
from tests.waiting import PATIENCE, until


def free_port() -> int:
    """A TCP port on loopback that nobody listens at, and that the kernel gives to nobody else as long as this process
    lives.

    A socket is bound to it that does not listen: whoever connects is refused, and a server that names the port, with
    SO_REUSEADDR as every one does, may listen there, again after it has ended, too. A port that is only looked up may
    be another's, or the near end of some connection, by the time that the server begins.
    """
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        port = int(held.getsockname()[1])
        held.detach()
    return port


def _listening(port: int, alive: Callable[[], bool]) -> None:
    def answers() -> bool:
        assert alive(), "the server has ended"
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=PATIENCE).close()
            return True
        return False

    until(answers, "the server listens")


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
        _listening(port, lambda: process.poll() is None)
        yield f"git://127.0.0.1:{port}"
    finally:
        with suppress(ProcessLookupError):  # it has ended by itself
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=PATIENCE)


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


@contextmanager
def smart_http(folder: Path) -> Iterator[str]:
    """Serves every repository in `folder` by smart HTTP, pushes included. Yields the URL without the repository."""
    handler = type("Backend", (_Backend,), {"folder": folder})
    server = LoopbackServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=PATIENCE)


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
        until(lambda: record.exists() or process.poll() is not None, "shiftbook serve tells its address")
        assert process.poll() is None, f"shiftbook serve ended with {process.returncode}"
        url = str(json.loads(record.read_text(encoding="utf-8"))["url"])
        _listening(int(url.rpartition(":")[2]), lambda: process.poll() is None)
        # Its port is open before its worker has looked at the repository, which a test may move.
        httpx.get(f"{url}/health", timeout=PATIENCE, trust_env=False).raise_for_status()
        yield f"{url}/git/{bare.name}"
    finally:
        process.terminate()
        try:
            process.wait(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(timeout=PATIENCE)
            raise
        finally:
            os.close(theirs)
