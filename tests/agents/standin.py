"""A stand-in for the paid model APIs, on loopback: what an agent's real program is answered is scripted by the test.

It speaks Anthropic's Messages, OpenAI's Responses and Chat Completions and Gemini's generateContent, each whole or as
a stream of server-sent events, as their public references have them (`tests/agents/dialects.py`). No model is behind
it: it plays its turns one after the other, and the last one again and again.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.agents import dialects
from tests.loopback import LoopbackServer
from tests.waiting import PATIENCE

ASIDE = (
    '{"reasoning": "a stand-in", "model_choice": "pro", "complexity_reasoning": "a stand-in", "complexity_score": 90}'
)
"""What an aside is answered: gemini asks for such an object, others take it for a title."""

NO_HEADERS: Mapping[str, str] = {}


@dataclass(frozen=True, kw_only=True)
class Turn:
    """One answer. `tool` with its `arguments` is a call of the program's own tool; `status` above 299 an API error.

    `error` is what kind of error it is, in the API's own word; `hang` keeps the caller waiting until the test is over.
    """

    text: str = ""
    tool: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    free: bool = False
    """The tool takes a text (OpenAI's custom tools), which is `arguments["input"]`."""
    status: int = 200
    error: str = ""
    hang: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)
    """Of an API error."""
    after: threading.Event | None = None
    """The answer waits for this."""
    late: float = 0.0
    """Seconds before the answer's head."""
    lull: float = 0.0
    """Seconds between the answer's head and the first event."""
    cut: bool = False
    """The answer breaks off in the middle."""
    tokens_in: int = 1000
    tokens_cached: int = 0
    tokens_out: int = 50


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One call of the program."""

    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]

    @property
    def tools(self) -> tuple[str, ...]:
        """The names of the tools that the program offers."""
        inside = [each for each in self.body.get("input") or () if each.get("type") == "additional_tools"]
        return tuple(_names([*(self.body.get("tools") or ()), *(tool for each in inside for tool in each["tools"])]))


def _names(tools: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for tool in tools:
        if "functionDeclarations" in tool:
            yield from (each["name"] for each in tool["functionDeclarations"])
        elif tool.get("type") == "namespace":
            yield from _names(tool["tools"])
        else:
            yield str(tool.get("name") or tool.get("function", {}).get("name") or tool.get("type"))


@dataclass(kw_only=True)
class ModelApi:
    """A running stand-in. Calls that offer no tools are asides (a title, a guess), unless all calls count."""

    url: str
    turns: list[Turn] = field(default_factory=lambda: [Turn(text="Done.")])
    all_count: bool = False
    policy: Callable[[Asked], Turn] | None = None
    """What decides each answer by what the call was given, in place of the turns."""
    asked: list[Asked] = field(default_factory=list)
    asides: list[Asked] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def play(self, *turns: Turn, all_count: bool = False) -> None:
        """From now on answers with these turns."""
        with self.lock:
            self.turns, self.all_count = list(turns), all_count
            self.asked.clear()
            self.asides.clear()

    def turn(self, asked: Asked) -> Turn:
        """What this call is answered."""
        with self.lock:
            if not (asked.tools or self.all_count):
                self.asides.append(asked)
                refused = self.turns[0] if self.turns[0].status > 299 else None
                return refused or Turn(text=ASIDE, tokens_in=10, tokens_out=1)
            self.asked.append(asked)
            if self.policy is not None:
                return self.policy(asked)
            return self.turns[min(len(self.asked), len(self.turns)) - 1]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    api: ModelApi

    def do_HEAD(self) -> None:
        self._send(200, b"", "text/plain")

    def do_GET(self) -> None:
        if self.path.partition("?")[0].endswith("/models"):
            self._send(200, json.dumps({"data": [], "models": [], "object": "list"}).encode())
            return
        self.api.unknown.append(f"GET {self.path}")
        self._send(404, b"{}")

    def do_POST(self) -> None:
        raw, speak = self._body(), dialects.of(self.path.partition("?")[0])
        if speak is None:
            self.api.unknown.append(f"POST {self.path}")
            self._send(404, b'{"error": {"message": "no such route"}}')
            return
        asked = Asked(path=self.path, headers={k.lower(): v for k, v in self.headers.items()}, body=json.loads(raw))
        turn = self.api.turn(asked)
        if turn.hang:
            self.api.over.wait()
            self.close_connection = True
            return
        if turn.after is not None:
            turn.after.wait(PATIENCE)
        self.api.over.wait(turn.late)
        self._answer(speak, asked, turn)

    def _answer(self, speak: dialects.Dialect, asked: Asked, turn: Turn) -> None:
        if turn.status > 299:
            self._send(turn.status, json.dumps(speak.error(turn)).encode(), headers=turn.headers)
        elif speak.streams(asked):
            self._play(b"".join(speak.stream(asked, turn)), turn, "text/event-stream")
        else:
            self._play(json.dumps(speak.whole(asked, turn)).encode(), turn, "application/json")

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        pieces = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            pieces += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return pieces

    def _play(self, body: bytes, turn: Turn, kind: str) -> None:
        self._head(200, len(body), kind)
        self.api.over.wait(turn.lull)
        self.wfile.write(body[: len(body) // 2] if turn.cut else body)
        self.close_connection = turn.cut

    def _send(
        self, status: int, body: bytes, kind: str = "application/json", headers: Mapping[str, str] = NO_HEADERS
    ) -> None:
        self._head(status, len(body), kind, headers)
        self.wfile.write(body)

    def _head(self, status: int, length: int, kind: str, headers: Mapping[str, str] = NO_HEADERS) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(length), **headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_args: object) -> None:
        """Says nothing."""


@contextmanager
def model_api(host: str = "127.0.0.1") -> Iterator[ModelApi]:
    """Starts one on a free port."""
    handler = type("Handler", (_Handler,), {})
    server = LoopbackServer((host, 0), handler)
    api = ModelApi(url=f"http://{host}:{server.server_port}")
    handler.api = api  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield api
    finally:
        api.over.set()
        server.shutdown()
        server.server_close()
        thread.join(timeout=PATIENCE)
