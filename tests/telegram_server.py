"""What stands in for Telegram's Bot API? A server on loopback with its limits, its offsets, and one poller at a time.

Written from the API's description (core.telegram.org/bots/api), apart from the code under test: texts are counted in
UTF-16 units and trimmed, a button's data in bytes; what an offset confirms is gone; a second poller ends the first.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qsl

from tests.loopback import LoopbackServer
from tests.waiting import PATIENCE, until

TOKEN = "123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"
BOT = 123456789
CONFLICT = "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"
WEBHOOK = "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"


@dataclass
class TelegramServer:
    """One bot's updates, and what it has sent."""

    updates: list[dict[str, Any]] = field(default_factory=list)
    sent: list[dict[str, Any]] = field(default_factory=list)
    answered: list[dict[str, Any]] = field(default_factory=list)
    cleared: list[tuple[int, int]] = field(default_factory=list)
    polls: list[int] = field(default_factory=list)
    """The offset of each poll."""
    pollers: set[str] = field(default_factory=set)
    """The ports from which polls came."""
    busy: list[int] = field(default_factory=list)
    """Seconds that the next messages are told to wait."""
    webhook: bool = False
    down: bool = False
    url: str = ""
    _number: int = 100
    _message: int = 1000
    _poll: int = 0
    _moved: threading.Condition = field(default_factory=threading.Condition)

    # -- what people do ------------------------------------------------------------------------------------------

    def write(self, text: str, chat: int = 42, **more: Any) -> int:
        """Somebody writes; returns the update's number."""
        message = {
            "message_id": self._next_message(),
            "date": 1_700_000_000,
            "chat": {"id": chat, "type": "private"},
            "from": {"id": chat, "is_bot": False, "first_name": "Ada", "username": "ada"},
            "text": text,
        } | more
        return self._put({"message": message})

    def answer(self, text: str, to: int, chat: int = 42, by: int = BOT) -> int:
        """Somebody answers a message of the bot, or of another person or bot."""
        said = next((message["text"] for message in self.sent if message["message_id"] == to), "?")
        before = {
            "message_id": to,
            "date": 1_700_000_000,
            "chat": {"id": chat, "type": "private"},
            "from": {"id": by, "is_bot": True, "first_name": "bot"},
            "text": said,
        }
        return self.write(text, chat, reply_to_message=before)

    def press(self, data: str, message: int = 1, chat: int = 42) -> int:
        """Somebody presses a button."""
        below = {
            "message_id": message,
            "date": 1_700_000_000,
            "chat": {"id": chat, "type": "private"},
            "text": "x",
        }
        who = {"id": chat, "is_bot": False, "first_name": "Ada", "username": "ada"}
        pressed = {"id": f"press-{self._number}", "from": who, "chat_instance": "1", "message": below, "data": data}
        return self._put({"callback_query": pressed})

    def _put(self, update: dict[str, Any]) -> int:
        with self._moved:
            self._number += 1
            self.updates.append({"update_id": self._number} | update)
            self._moved.notify_all()
            return self._number

    def _next_message(self) -> int:
        with self._moved:
            self._message += 1
            return self._message

    # -- what a test waits for -----------------------------------------------------------------------------------

    @property
    def texts(self) -> list[str]:
        """What the bot has said."""
        return [message["text"] for message in self.sent]

    def said(self, words: str, seconds: float = PATIENCE) -> dict[str, Any]:
        """The first message with these words, once it is there."""

        def found() -> list[dict[str, Any]]:
            return [message for message in self.sent if words in message["text"]]

        until(found, f"{words!r} among {self.texts}", seconds=seconds)
        return found()[0]

    # -- the API -------------------------------------------------------------------------------------------------

    def call(self, method: str, words: dict[str, Any], caller: str) -> tuple[int, dict[str, Any]]:
        """What a method answers."""
        if self.down:
            return 502, {"ok": False, "error_code": 502, "description": "Bad Gateway"}
        if method == "getUpdates":
            return self._get_updates(words, caller)
        if method == "sendMessage":
            return self._send(words)
        if method == "getMe":
            return _ok({"id": BOT, "is_bot": True, "first_name": "Shift", "username": "shift_bot"})
        if method == "getWebhookInfo":
            url = "https://hooks.example/a-secret" if self.webhook else ""
            return _ok({"url": url, "has_custom_certificate": False, "pending_update_count": len(self.updates)})
        if method == "answerCallbackQuery":
            self.answered.append(words)
            return _ok(True)
        if method == "editMessageReplyMarkup":
            self.cleared.append((int(words["chat_id"]), int(words["message_id"])))
            return _ok(True)
        return 404, {"ok": False, "error_code": 404, "description": "Not Found"}

    def _get_updates(self, words: dict[str, Any], caller: str) -> tuple[int, dict[str, Any]]:
        if self.webhook:
            return _refused(409, WEBHOOK)
        offset, ends = int(words.get("offset", 0)), time.monotonic() + float(words.get("timeout", 0))
        with self._moved:
            self._poll += 1
            mine = self._poll
            self._moved.notify_all()
            self.polls.append(offset)
            self.pollers.add(caller)
            self.updates = [each for each in self.updates if each["update_id"] >= offset]
            while not self.updates and time.monotonic() < ends and self._poll == mine:
                self._moved.wait(min(0.1, max(0.0, ends - time.monotonic())))
            if self._poll != mine:
                return _refused(409, CONFLICT)
            return _ok(self.updates[: int(words.get("limit", 100))])

    def _send(self, words: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if self.busy:
            wait = self.busy.pop(0)
            told = f"Too Many Requests: retry after {wait}"
            return 429, {"ok": False, "error_code": 429, "description": told, "parameters": {"retry_after": wait}}
        text = str(words["text"])
        units = len(text.encode("utf-16-le")) // 2
        if not text.strip():
            return _refused(400, "Bad Request: message text is empty")
        if units > 4096:
            return _refused(400, "Bad Request: message is too long")
        for entity in words.get("entities", ()):
            if entity["offset"] + entity["length"] > units:
                return _refused(400, "Bad Request: entity is out of bounds")
        for row in words.get("reply_markup", {}).get("inline_keyboard", ()):
            if any(not 1 <= len(button["callback_data"].encode()) <= 64 for button in row):
                return _refused(400, "Bad Request: BUTTON_DATA_INVALID")
        message = words | {"text": text.strip(), "message_id": self._next_message()}
        self.sent.append(message)
        chat = {"id": int(words["chat_id"]), "type": "private"}
        return _ok({"message_id": message["message_id"], "date": 1_700_000_000, "chat": chat, "text": text.strip()})


def _ok(result: Any) -> tuple[int, dict[str, Any]]:
    return 200, {"ok": True, "result": result}


def _refused(code: int, words: str) -> tuple[int, dict[str, Any]]:
    return code, {"ok": False, "error_code": code, "description": words}


@contextmanager
def telegram_server() -> Iterator[TelegramServer]:
    """The API on a port of its own."""
    api = TelegramServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            words: dict[str, Any] = dict(parse_qsl(raw.decode(), keep_blank_values=True))
            for name in ("entities", "reply_markup", "allowed_updates", "link_preview_options"):
                words |= {name: json.loads(words[name])} if name in words else {}
            _, token, method = self.path.split("/", 2)
            if token != f"bot{TOKEN}":
                code, told = _refused(401, "Unauthorized")
            else:
                code, told = api.call(method, words, str(self.client_address[1]))
            data = json.dumps(told).encode()
            try:
                self.send_response(code)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    server = LoopbackServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    api.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield api
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
