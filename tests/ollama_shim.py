"""TEST ONLY: a stand-in for an Ollama server, which no registry carries. It is no Ollama.

It translates Ollama's published native API (/api/tags, /api/chat, /api/embed, /api/pull, /api/version) onto a real
llama.cpp server. What comes in is checked by the official client's own types, and what goes out is made with them.
"""

from __future__ import annotations

import json
import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from typing import Any

import httpx
import ollama
from ollama._types import ChatRequest, EmbedRequest, PullRequest

from tests.llama_server import Llama
from tests.loopback import LoopbackServer
from tests.waiting import PATIENCE

TOO_LONG = (
    "the prompt is longer than the context length currently available to the model; shorten the prompt, "
    "adjust the context length in settings, or use a model with a longer context length"
)
PULLED = 1_000_000


@dataclass(kw_only=True)
class Shim:
    """A running stand-in. `old` ignores `truncate` and `shift`, as servers before 0.12 do, and cuts in silence."""

    chat: Llama
    vectors: Llama | None = None
    old: bool = False
    tags: list[str] = field(default_factory=lambda: ["tiny:latest"])
    asked: list[dict[str, Any]] = field(default_factory=list)
    hung_up: threading.Event = field(default_factory=threading.Event)
    url: str = ""


class _Handler(BaseHTTPRequestHandler):
    shim: Shim

    def log_message(self, *_: object) -> None:
        """Says nothing."""

    def do_GET(self) -> None:
        if self.path == "/api/version":
            return self._send(200, {"version": "0.11.0" if self.shim.old else "0.34.0"})
        if self.path != "/api/tags":
            return self._send(404, {"error": "not found"})
        details = {"family": "llama", "parameter_size": "134.52M", "quantization_level": "Q8_0", "format": "gguf"}
        models = [
            {"model": each, "name": each, "size": 143025408, "digest": "0" * 64, "details": details}
            for each in self.shim.tags
        ] + [{"model": "words:latest", "size": 1, "details": {"family": "nomic-bert"}}]
        return self._send(200, json.loads(ollama.ListResponse(models=models).model_dump_json()) | {"models": models})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.shim.asked.append(body)
        doors = {"/api/chat": self._chat, "/api/embed": self._embed, "/api/pull": self._pull}
        doors.get(self.path, lambda _: self._send(404, {"error": "not found"}))(body)

    def _chat(self, body: dict[str, Any]) -> None:
        asked = ChatRequest(**body)
        if asked.model not in self.shim.tags:
            return self._send(404, {"error": f"model '{asked.model}' not found"})
        options = dict(asked.options or {})
        sent: dict[str, Any] = {
            "messages": [ollama.Message(**each).model_dump(exclude_none=True) for each in body["messages"]],
            "stream": True,
            "stream_options": {"include_usage": True},
            "return_progress": True,
            "max_tokens": options["num_predict"],
        }
        sent |= {name: options[name] for name in ("temperature", "seed", "stop") if name in options}
        if asked.format:
            sent["response_format"] = {"type": "json_schema", "json_schema": {"name": "x", "schema": asked.format}}
        key = {"Authorization": f"Bearer {self.shim.chat.key}"}
        with httpx.stream(
            "POST", f"{self.shim.chat.url}/chat/completions", json=sent, headers=key, timeout=PATIENCE
        ) as got:
            if got.status_code != 200:
                error = json.loads(got.read())["error"]
                long = error.get("type") == "exceed_context_size_error"
                if long and (self.shim.old or body.get("truncate", True) or body.get("shift", True)):
                    body["messages"] = [{**each, "content": each["content"][:1500]} for each in body["messages"]]
                    return self._chat(body)
                return self._send(400, {"error": TOO_LONG if long else error["message"]})
            self._stream_chat(asked.model, got)
        return None

    def _stream_chat(self, model: str, got: httpx.Response) -> None:
        self._begin(200)
        finish, text = "stop", ""
        for line in got.iter_lines():
            if not line.startswith("data: {"):
                continue
            event = json.loads(line[6:])
            if self._hung_up():  # while the prompt is read, too: as with Ollama, nothing is read for nobody
                self.shim.hung_up.set()
                return
            for choice in event["choices"]:
                finish = choice["finish_reason"] or finish
                text = choice["delta"].get("content") or ""
                if text and not self._line(self._part(model, text)):
                    self.shim.hung_up.set()
                    return
            if usage := event.get("usage"):
                counts = {"prompt_eval_count": usage["prompt_tokens"], "eval_count": usage["completion_tokens"]}
                last = self._part(model, "", done=True, done_reason=finish, **counts)
                cached = usage["prompt_tokens_details"]["cached_tokens"]
                self._line(last if self.shim.old else last | {"prompt_eval_cached_count": cached})

    def _hung_up(self) -> bool:
        return bool(select.select([self.connection], [], [], 0)[0]) and not self.connection.recv(1, socket.MSG_PEEK)

    def _part(self, model: str, text: str, **more: Any) -> dict[str, Any]:
        said = ollama.Message(role="assistant", content=text)
        part = ollama.ChatResponse(
            model=model, created_at=datetime.now(UTC).isoformat(), message=said, **({"done": False} | more)
        )
        return part.model_dump(exclude_none=True)

    def _embed(self, body: dict[str, Any]) -> None:
        asked = EmbedRequest(**body)
        assert self.shim.vectors
        key = {"Authorization": f"Bearer {self.shim.vectors.key}"}
        got = httpx.post(
            f"{self.shim.vectors.url}/embeddings", json={"input": asked.input}, headers=key, timeout=PATIENCE
        )
        if got.status_code != 200:
            return self._send(400, {"error": "the input length exceeds the context length"})
        rows = [each["embedding"] for each in got.json()["data"]]
        return self._send(200, ollama.EmbedResponse(model=asked.model, embeddings=rows).model_dump(exclude_none=True))

    def _pull(self, body: dict[str, Any]) -> None:
        asked = PullRequest(**body)
        if asked.model.startswith("no-such"):
            self._begin(200)
            self._line({"error": "pull model manifest: file does not exist"})
            return
        self._begin(200)
        self._line(ollama.ProgressResponse(status="pulling manifest").model_dump(exclude_none=True))
        for done in range(0, PULLED + 1, PULLED // 4):
            part = ollama.ProgressResponse(status="pulling 0123", digest="sha256:0123", total=PULLED, completed=done)
            self._line(part.model_dump(exclude_none=True))
        name = asked.model if ":" in asked.model else f"{asked.model}:latest"
        self.shim.tags.append(name)
        self._line({"status": "success"})

    def _begin(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/x-ndjson")
        self.send_header("Connection", "close")
        self.end_headers()

    def _line(self, part: dict[str, Any]) -> bool:
        try:
            self.wfile.write(json.dumps(part).encode() + b"\n")
            self.wfile.flush()
        except OSError:
            return False
        return True

    def _send(self, status: int, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@contextmanager
def ollama_shim(chat: Llama, vectors: Llama | None = None, *, old: bool = False, port: int = 0) -> Iterator[Shim]:
    """The stand-in on a port of loopback; 0 is a free one."""
    shim = Shim(chat=chat, vectors=vectors, old=old)
    server = LoopbackServer(("127.0.0.1", port), type("Handler", (_Handler,), {"shim": shim}))
    shim.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield shim
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=60)
