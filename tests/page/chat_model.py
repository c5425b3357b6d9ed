"""What answers a chat of the page? A stand-in for a model server at the network's edge, whose words a test chooses."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.loopback import LoopbackServer
from tests.waiting import PATIENCE

HOSTILE_ANSWER = (
    "The limit is **1000 g**. <img src=x onerror=alert(1)> [press](javascript:alert(1)) "
    "![x](data:text/html,<script>alert(1)</script>) \u202egnp.exe\u202c \x1b[31mred\x1b[0m\n\n```sh\nsh test.sh\n```\n"
)
CALL = {"tool": "write", "arguments": {"path": "notes.txt", "content": "<b>bold</b>\u202e"}}


@dataclass
class ChatModel:
    """Says `HOSTILE_ANSWER`; asked for something slow, half of it, and the rest when it is let go on."""

    url: str = ""
    go_on: threading.Event = field(default_factory=threading.Event)

    def pieces(self, asked: dict[str, Any]) -> Iterator[str]:
        """An answer to a request, piece by piece."""
        said = [str(each["content"]) for each in asked["messages"]]
        if "response_format" in asked:
            used = any("notes.txt" in one for one in said[2:] if one.startswith(("{", "<", "[")))
            yield json.dumps({"answer": "It is **written**."} if used else CALL)
        elif "slowly" in said[-1]:
            yield "This is the first half, "
            self.go_on.wait(PATIENCE)
            yield "and this is the other."
        else:
            for start in range(0, len(HOSTILE_ANSWER), 7):
                yield HOSTILE_ANSWER[start : start + 7]


@contextmanager
def chat_model() -> Iterator[ChatModel]:
    """Serves one on loopback until the end of the block."""
    model = ChatModel()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"data": [{"id": "paper-8b", "context_length": 32768}]}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            try:
                for piece in model.pieces(asked):
                    self._event({"choices": [{"delta": {"content": piece}}]})
                self._event({"choices": [{"delta": {}, "finish_reason": "stop"}]})
                details = {"cached_tokens": 180}
                self._event(
                    {"usage": {"prompt_tokens": 212, "completion_tokens": 40, "prompt_tokens_details": details}}
                )
                self.wfile.write(b"data: [DONE]\n\n")
            except OSError:
                return  # who asked has hung up

        def _event(self, data: dict[str, Any]) -> None:
            self.wfile.write(f"data: {json.dumps(data)}\n\n".encode())
            self.wfile.flush()

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    made = LoopbackServer(("127.0.0.1", 0), Handler)
    made.daemon_threads = True
    threading.Thread(target=made.serve_forever, daemon=True).start()
    model.url = f"http://127.0.0.1:{made.server_port}/v1"
    try:
        yield model
    finally:
        model.go_on.set()
        made.shutdown()
        made.server_close()
