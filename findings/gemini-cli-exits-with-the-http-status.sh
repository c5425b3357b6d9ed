#!/usr/bin/env bash
# Gemini CLI 0.61.0: a refused API call ends `gemini -p` with the HTTP status as its exit code, cut to eight bits.
#
# Its reference of headless mode lists 0, 1 ("general error or API failure"), 42 and 53. What comes is 400 mod 256 = 144,
# 401: 145, 403: 147, and after its own tries 429: 173; only 404 ends with 1. A shell and most supervisors read a code
# above 128 as "killed by signal n - 128", which 145 (SIGCHLD) and 147 (SIGSTOP) then look like, and who goes by the
# documented codes knows none of them. With `-o json` the status itself is in `error.code`, on standard error.
# Seen: @google/gemini-cli 0.61.0, Node 20, a server on loopback that answers as the Gemini API does. Fails once one of
# these codes has changed. Installs about 150 MB into a temporary folder.
set -euo pipefail
folder=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$folder"' EXIT
npm install --silent --no-audit --no-fund --no-save --no-package-lock --prefix "$folder/gemini" @google/gemini-cli@0.61.0
cat >"$folder/server.py" <<'PYTHON'
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Refusing(BaseHTTPRequestHandler):
    """Answers /STATUS/... with that status, as ai.google.dev/gemini-api/docs/troubleshooting has it."""

    def log_message(self, *words):
        pass

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        status = int(self.path.split("/")[1])
        data = json.dumps({"error": {"code": status, "message": "refused", "status": "REFUSED"}}).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


server = ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
print(server.server_port, flush=True)
threading.Timer(400, server.shutdown).start()
server.serve_forever()
PYTHON
python3 "$folder/server.py" >"$folder/port" &
server=$!
while [ ! -s "$folder/port" ]; do sleep 0.1; done
mkdir -p "$folder/home/.gemini" "$folder/work"
cat >"$folder/home/.gemini/settings.json" <<'JSON'
{"security": {"auth": {"selectedType": "gemini-api-key"}}, "general": {"maxAttempts": 2, "enableAutoUpdate": false},
 "privacy": {"usageStatisticsEnabled": false}}
JSON
cd "$folder/work"
changed=0
for status in 400 401 403 429; do
  code=0
  HOME="$folder/home" GEMINI_API_KEY=none GOOGLE_GEMINI_BASE_URL="http://127.0.0.1:$(cat "$folder/port")/$status" \
    timeout 100 "$folder/gemini/node_modules/.bin/gemini" -m gemini-2.5-flash --skip-trust -o json -p "Say hello." \
    </dev/null >"$folder/out" 2>"$folder/err" || code=$?
  grep --quiet "\"code\": $status" "$folder/err"
  echo "HTTP $status: exit code $code"
  [ "$code" = $((status % 256)) ] || changed=1
done
[ "$changed" = 0 ] || { echo "the surprise is gone"; exit 1; }
