"""What is a message of the Model Context Protocol answered, for a server that has tools and nothing else?

Written by hand, because it is four methods, and what is asked comes from whoever runs in the sandbox: the official SDK
wants an event loop, is an extra, and takes 0.7 s of the processor to load.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from missions.plain_data import read_json

VERSIONS = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")
"""Of the protocol, the newest first; tools have been the same since the last of them."""
PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS = -32700, -32600, -32601, -32602
MAX_ID_CHARS = 200
MAX_MESSAGES = 5000
"""Messages of one run that are read."""


@dataclass(frozen=True, kw_only=True)
class ToolAnswer:
    """What a tool says. `failed`: it could not do what it was asked for, and says why."""

    text: str
    failed: bool = False


@dataclass(kw_only=True)
class McpAnswers:
    """One run's. `tools` are as `tools/list` has them; `call` does one of them. Any thread may ask."""

    name: str
    version: str
    instructions: str
    tools: Sequence[dict[str, Any]]
    call: Callable[[str, object], ToolAnswer]
    _read: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, said: bytes) -> bytes:
        """The answer to one message, in one line; nothing to one that wants none."""
        with self._lock:
            self._read += 1
            if self._read > MAX_MESSAGES:
                return _error(None, INVALID_REQUEST, f"this run asked more than {MAX_MESSAGES} times")
        try:
            found = read_json(said.decode("utf-8", "replace"))
        except ValueError:
            return _error(None, PARSE_ERROR, "that is no JSON")
        if not isinstance(found, dict) or not isinstance(found.get("method"), str):
            return _error(None, INVALID_REQUEST, "that is no request")
        if "id" not in found:
            return b""
        if not _is_id(found["id"]):
            return _error(None, INVALID_REQUEST, "an id is a whole number or a short text")
        params = found.get("params")
        return self._answered(found["id"], found["method"], params if isinstance(params, dict) else {})

    def _answered(self, number: Any, method: str, params: dict[str, Any]) -> bytes:
        match method:
            case "initialize":
                return _result(number, self._welcome(params.get("protocolVersion")))
            case "ping":
                return _result(number, {})
            case "tools/list":
                return _result(number, {"tools": list(self.tools)})
            case "tools/call":
                name = params.get("name")
                if name not in [each["name"] for each in self.tools]:
                    return _error(number, INVALID_PARAMS, "there is no such tool")
                said = self.call(str(name), params.get("arguments") or {})
                content = [{"type": "text", "text": said.text}]
                return _result(number, {"content": content, "isError": said.failed})
        return _error(number, METHOD_NOT_FOUND, "this server has tools, and nothing else")

    def _welcome(self, wanted: object) -> dict[str, Any]:
        return {
            "protocolVersion": wanted if wanted in VERSIONS else VERSIONS[0],
            "capabilities": {"tools": {}},
            "serverInfo": {"name": self.name, "version": self.version},
            "instructions": self.instructions,
        }


def _is_id(value: object) -> bool:
    if isinstance(value, str):
        return len(value) <= MAX_ID_CHARS
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63


def _result(number: Any, result: dict[str, Any]) -> bytes:
    return _line({"jsonrpc": "2.0", "id": number, "result": result})


def _error(number: Any, code: int, why: str) -> bytes:
    return _line({"jsonrpc": "2.0", "id": number, "error": {"code": code, "message": why}})


def _line(said: dict[str, Any]) -> bytes:
    return json.dumps(said, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
