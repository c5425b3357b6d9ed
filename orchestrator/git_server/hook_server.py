"""How is a push judged without starting a process that first learns everything? In the one that serves, over a socket.

The socket is this user's alone, and only questions about the served repository are answered (`hook_client` asks them).
"""

from __future__ import annotations

import shutil
import socketserver
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from missions.plain_data import read_json
from orchestrator.core.settings import Settings
from orchestrator.git_server.pre_receive import SOCKET_RECORD, check_push
from sync import files

MAX_QUESTION_BYTES = 16 * 1024 * 1024
"""Bytes of one question: a push that moves a hundred thousand refs."""


class _SocketServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    request_queue_size = 128
    """Pushes that wait for their turn; one more is judged by a process of its own."""

    def __init__(self, address: str, answer: Callable[[bytes], str]) -> None:
        self.answer = answer
        super().__init__(address, _QuestionHandler)


class _QuestionHandler(socketserver.StreamRequestHandler):
    timeout = 120

    def handle(self) -> None:
        """Answers one question. One that cannot be judged here gets no answer, so that it is judged elsewhere."""
        assert isinstance(self.server, _SocketServer)
        self.wfile.write(self.server.answer(self.rfile.read(MAX_QUESTION_BYTES)).encode())


@dataclass(frozen=True, kw_only=True)
class HookServer:
    """Judges pushes to `bare` for as long as it is open."""

    settings: Settings
    bare: Path
    poll_seconds: float = 0.5
    """How long its end may wait for the thread that listens."""

    def open(self) -> Callable[[], None]:
        """Listens, and writes down where. Returns what ends it."""
        folder = Path(tempfile.mkdtemp(prefix="shiftbook-"))  # 0700; a home's path may be too long for a socket
        server = _SocketServer(str(folder / "gate"), self.answer)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": self.poll_seconds}, daemon=True)
        thread.start()
        record = self.settings.home / SOCKET_RECORD
        files.replace(record, str(folder / "gate"), durable=False)  # the socket is this process's, too

        def close() -> None:
            server.shutdown()
            server.server_close()
            thread.join(timeout=5)
            record.unlink(missing_ok=True)
            shutil.rmtree(folder, ignore_errors=True)

        return close

    def answer(self, question: bytes) -> str:
        """`yes`, or `no` with the reason; empty for what is not asked about this repository."""
        asked = read_json(question)
        if not Path(asked["folder"]).samefile(self.bare):
            return ""
        why = check_push(self.settings, self.bare, asked["lines"], asked["told"])
        return f"no {why}" if why else "yes "
