"""Stands in for a model server that speaks OpenAI's protocol: fast, deterministic, to be killed at any moment.

Run as a process of its own: `python -m tests.acceptance.load.standin PORT`. It says "ready" when it listens.
"""

from __future__ import annotations

import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.acceptance.load import words

NAME = "stand-in"


class StandIn(BaseHTTPRequestHandler):
    """Lists one model, and answers each prompt with what `words` says."""

    protocol_version = "HTTP/1.1"
    chunks = False

    def do_GET(self) -> None:
        listed = {"id": NAME, "object": "model", "context_length": 32768}
        self._tell(200, json.dumps({"object": "list", "data": [listed]}))

    def do_POST(self) -> None:
        asked: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if asked.get("model") != NAME:
            wrong = {"message": "the model does not exist", "type": "invalid_request_error", "code": "model_not_found"}
            self._tell(404, json.dumps({"error": wrong}))
            return
        message = str(asked["messages"][-1]["content"])
        prompt = sum(len(str(each["content"])) for each in asked["messages"]) // 4
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.chunks = words.chunked(message)
        self.send_header(*(("Transfer-Encoding", "chunked") if self.chunks else ("Connection", "close")))
        self.end_headers()
        told = words.pieces(message)
        for piece in told:
            time.sleep(words.pause(message))
            self._event({"choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": None}]})
        self._event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        usage = {"prompt_tokens": prompt, "completion_tokens": len(told), "total_tokens": prompt + len(told)}
        self._event({"choices": [], "usage": usage})
        self._write(b"data: [DONE]\n\n")
        self._write(b"")
        self.close_connection = True

    def _event(self, what: dict[str, Any]) -> None:
        whole = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": NAME, **what}
        self._write(f"data: {json.dumps(whole)}\n\n".encode())

    def _write(self, data: bytes) -> None:
        """Servers end a stream in two ways: by a last chunk, or by closing the connection."""
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data) if self.chunks else data)

    def _tell(self, status: int, text: str) -> None:
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    """Many at a time; a caller that hangs up is nothing to speak of."""

    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), OSError | ValueError):  # gone, with its request or before
            super().handle_error(request, client_address)


if __name__ == "__main__":
    with Server(("127.0.0.1", int(sys.argv[1])), StandIn) as server:
        print("ready", flush=True)
        server.serve_forever()
