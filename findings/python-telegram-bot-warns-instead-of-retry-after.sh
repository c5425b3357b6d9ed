#!/usr/bin/env bash
# python-telegram-bot 22.8: where warnings of deprecation are errors, a 429 of the Bot API is no RetryAfter.
#
# Whoever keeps to `-W error::DeprecationWarning` (tests do, and services that want to hear of removals early) catches
# telegram.error.RetryAfter for the API's "retry after N": it never comes. RetryAfter.__init__ reads its own attribute
# `retry_after`, which warns that it will be a timedelta, so that the warning is raised while the error is made, in the
# middle of the library, although the program has not touched the attribute. What comes out of send_message is a
# PTBDeprecationWarning, which is no TelegramError. Without `-W error` the warning is printed from within the library.
# Setting PTB_TIMEDELTA=1 before the first 429 cures both; `retry_after` is a timedelta then.
# Seen: python-telegram-bot 22.8, Python 3.11. Fails once RetryAfter comes out as it is.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check python-telegram-bot==22.8
cat >"$folder/ask.py" <<'PYTHON'
import asyncio
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import telegram
from telegram.error import TelegramError


class Busy(BaseHTTPRequestHandler):
    """Answers as core.telegram.org/bots/api describes ResponseParameters."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        told = {"ok": False, "error_code": 429, "description": "Too Many Requests: retry after 3"}
        data = json.dumps(told | {"parameters": {"retry_after": 3}}).encode()
        self.send_response(429)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


server = HTTPServer(("127.0.0.1", 0), Busy)
threading.Thread(target=server.serve_forever, daemon=True).start()
bot = telegram.Bot("1:a", base_url=f"http://127.0.0.1:{server.server_port}/bot")
try:
    asyncio.run(bot.send_message(1, "hello"))
except Exception as error:
    print(type(error).__name__, "a TelegramError" if isinstance(error, TelegramError) else "no TelegramError")
PYTHON
python="$folder/venv/bin/python"
plain=$("$python" -W ignore "$folder/ask.py")
strict=$("$python" -W error::DeprecationWarning "$folder/ask.py")
opted=$(PTB_TIMEDELTA=1 "$python" -W error::DeprecationWarning "$folder/ask.py")
echo "warnings ignored: $plain"
echo "warnings are errors: $strict"
echo "the same with PTB_TIMEDELTA=1: $opted"
[ "$plain" = "RetryAfter a TelegramError" ] && [ "$opted" = "RetryAfter a TelegramError" ] || exit 1
[ "$strict" = "PTBDeprecationWarning no TelegramError" ] || { echo "changed"; exit 1; }
echo "seen: the warning takes the error's place"
