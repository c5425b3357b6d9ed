#!/usr/bin/env bash
# gemini-cli 0.61.0: a BeforeTool hook that cannot start, exit code 127, refuses every call of the tool.
#
# Its documents (docs/hooks/reference.md, in the package) say that exit code 2 blocks, and of any other code: "Warning. A
# non-fatal failure occurred; the CLI continues with a warning." So does a hook that ends with 1. One that ends with 3,
# or 127 because its program is gone, is taken for a refusal once it has written a word to standard error, as a shell
# does then: "Tool execution blocked: bash: line 1: /nowhere/hook: No such file or directory".
# Whoever wants a hook to stop no work ends its command with "2>/dev/null || :".
# Seen: @google/gemini-cli 0.61.0, Node 20, a server on loopback in the place of its model.
# Fails once that has changed. Installs about 150 MB into a temporary folder.
set -euo pipefail
folder=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$folder"' EXIT
npm install --silent --no-audit --no-fund --no-save --no-package-lock --prefix "$folder/npm" @google/gemini-cli@0.61.0
cat >"$folder/server.py" <<'PYTHON'
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CALL = {"functionCall": {"name": "write_file", "args": {"file_path": "new.txt", "content": "x\n"}}}


class Model(BaseHTTPRequestHandler):
    def log_message(self, *words):
        pass

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        part = {"text": "Done."} if "functionResponse" in json.dumps(asked["contents"][-1]) else CALL
        usage = {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2}
        candidate = {"content": {"role": "model", "parts": [part]}, "finishReason": "STOP", "index": 0}
        told = json.dumps({"candidates": [candidate], "usageMetadata": usage})
        streams = "stream" in self.path
        self.send_response(200)
        self.send_header("content-type", "text/event-stream" if streams else "application/json")
        self.end_headers()
        self.wfile.write(f"data: {told}\n\n".encode() if streams else told.encode())


server = ThreadingHTTPServer(("127.0.0.1", 0), Model)
print(server.server_port, flush=True)
threading.Timer(300, server.shutdown).start()
server.serve_forever()
PYTHON
python3 "$folder/server.py" >"$folder/port" &
server=$!
while [ ! -s "$folder/port" ]; do sleep 0.1; done

written() {  # written HOOK: whether the file is there afterwards that the model wanted written
  rm -rf "$folder/work" "$folder/home"
  mkdir -p "$folder/work" "$folder/home/.gemini"
  cat >"$folder/home/.gemini/settings.json" <<JSON
{"security": {"auth": {"selectedType": "gemini-api-key"}},
 "hooks": {"BeforeTool": [{"matcher": "write_file", "hooks": [{"type": "command", "command": "$1"}]}]}}
JSON
  (cd "$folder/work" && HOME="$folder/home" GEMINI_API_KEY=none GEMINI_CLI_NO_RELAUNCH=true \
    GOOGLE_GEMINI_BASE_URL="http://127.0.0.1:$(cat "$folder/port")" timeout 120 \
    "$folder/npm/node_modules/.bin/gemini" --skip-trust --yolo -m gemini-2.5-pro -o stream-json -p "Write it." \
    </dev/null >"$folder/said" 2>&1) || true
  grep -o 'Tool execution blocked[^"]*' "$folder/said" | head -1 || true
  [ -e "$folder/work/new.txt" ] && echo "with the hook '$1': written" || echo "with the hook '$1': not written"
}

found=$(written "echo no >&2; exit 1"; written "echo no >&2; exit 3"; written "/nowhere/hook"; written "/nowhere/hook 2>/dev/null || :")
echo "$found"
[ "$(grep -o ': written\|: not written' <<<"$found" | tr -d '\n')" = ": written: not written: not written: written" ]
