#!/usr/bin/env bash
# aider 0.86.2: an answer that was cut off by the model's token limit ends with exit code 0, and nothing is changed.
#
# With --message, for scripts, aider says "has hit a token limit!" on standard output and exits with 0, as it does after
# an edit. The half of an edit that had come is dropped. Whoever goes by the exit code takes it for done work; the words
# are the only sign.
# Seen: aider-chat 0.86.2, Python 3.11, a server on loopback whose answer ends with finish_reason "length".
# Fails once that has changed. Installs about 500 MB into a temporary folder.
set -euo pipefail
folder=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: aider-chat==0.86.2
cat >"$folder/server.py" <<'PYTHON'
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HALF = "hello.py\n```\nprint('good"


class Model(BaseHTTPRequestHandler):
    def log_message(self, *words):
        pass

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        for delta, finish in (({"role": "assistant", "content": HALF}, None), ({}, "length")):
            choice = {"index": 0, "delta": delta, "finish_reason": finish}
            piece = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
            self.wfile.write(f"data: {json.dumps(piece)}\n\n".encode())
        self.wfile.write(b"data: [DONE]\n\n")


server = ThreadingHTTPServer(("127.0.0.1", 0), Model)
print(server.server_port, flush=True)
threading.Timer(120, server.shutdown).start()
server.serve_forever()
PYTHON
python3 "$folder/server.py" >"$folder/port" &
server=$!
while [ ! -s "$folder/port" ]; do sleep 0.1; done
mkdir "$folder/work"
cd "$folder/work"
echo "print('hello')" >hello.py
quiet=(--yes-always --no-git --no-pretty --no-check-update --analytics-disable --no-show-model-warnings --map-tokens 0)
code=0
HOME="$folder" OPENAI_API_BASE="http://127.0.0.1:$(cat "$folder/port")/v1" OPENAI_API_KEY=none \
  timeout 100 "$folder/venv/bin/aider" --model openai/m --message "Say good day." "${quiet[@]}" hello.py \
  </dev/null >"$folder/said" 2>&1 || code=$?
grep "token limit" "$folder/said"
echo "exit code $code; hello.py: $(cat hello.py)"
[ "$code" = 0 ]
[ "$(cat hello.py)" = "print('hello')" ]
