#!/usr/bin/env bash
# Claude Code 2.1.332: the cost that a resumed run reports is that of the whole session, not of the run.
#
# `claude -p --resume ID` ends with a `result` whose `usage` is of this run alone, while `total_cost_usd` and `modelUsage`
# beside it go on with what the session's earlier runs took. 2.1.197 reports the run's own there. Whoever adds up the
# costs of the runs, as one did rightly before, counts the first one again with each that follows.
# Seen: @anthropic-ai/claude-code 2.1.332 and 2.1.197, a server on loopback that says 1,000 tokens in each answer: with
# 2.1.332 three runs say usage 1000, 1000, 1000, modelUsage 1000, 2000, 3000 and three times the first cost in the end.
# Fails once that has changed. Installs about 700 MB into a temporary folder.
set -euo pipefail
folder=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$folder"' EXIT
for version in 2.1.197 2.1.332; do
  npm install --silent --no-audit --no-fund --no-save --no-package-lock --prefix "$folder/$version" \
    "@anthropic-ai/claude-code@$version"
done
cat >"$folder/server.py" <<'PYTHON'
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

USAGE = {"input_tokens": 1000, "cache_read_input_tokens": 0, "cache_creation_input_tokens": 0, "output_tokens": 50}


class Model(BaseHTTPRequestHandler):
    def log_message(self, *words):
        pass

    def do_HEAD(self):
        self.send_response(200)
        self.end_headers()

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        message = {"id": f"msg_{id(asked)}", "type": "message", "role": "assistant", "model": asked["model"]}
        message |= {"content": [], "stop_reason": None, "stop_sequence": None, "usage": USAGE}
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        for event in (
            {"type": "message_start", "message": message},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hello."}},
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": USAGE},
            {"type": "message_stop"},
        ):
            self.wfile.write(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())


server = ThreadingHTTPServer(("127.0.0.1", 0), Model)
print(server.server_port, flush=True)
threading.Timer(300, server.shutdown).start()
server.serve_forever()
PYTHON
python3 "$folder/server.py" >"$folder/port" &
server=$!
while [ ! -s "$folder/port" ]; do sleep 0.1; done
export ANTHROPIC_BASE_URL="http://127.0.0.1:$(cat "$folder/port")" ANTHROPIC_API_KEY=none
export CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1 DISABLE_AUTOUPDATER=1
unset CLAUDE_CODE_OAUTH_TOKEN ANTHROPIC_AUTH_TOKEN
for version in 2.1.197 2.1.332; do
  mkdir -p "$folder/home-$version" "$folder/work"
  cd "$folder/work"
  session=$(python3 -c 'import uuid; print(uuid.uuid4())')
  words=(--session-id "$session")
  for run in 1 2 3; do
    echo "Say hello." | HOME="$folder/home-$version" timeout 100 "$folder/$version/node_modules/.bin/claude" -p \
      --output-format json --model claude-sonnet-4-5 --setting-sources user "${words[@]}" >"$folder/$version-$run.json"
    words=(--resume "$session")
  done
done
python3 - "$folder" <<'PYTHON'
import json
import sys
from pathlib import Path


def run(version, number):
    result = json.loads((Path(sys.argv[1]) / f"{version}-{number}.json").read_text())
    models = sum(each["inputTokens"] for each in result["modelUsage"].values())
    assert (result["subtype"], result["is_error"]) == ("success", False)
    return result["session_id"], result["usage"]["input_tokens"], models, result["total_cost_usd"]


for version, factors in (("2.1.197", (1, 1, 1)), ("2.1.332", (1, 2, 3))):
    runs = [run(version, number) for number in (1, 2, 3)]
    for number, (_, usage, models, cost) in enumerate(runs, 1):
        print(f"{version}, run {number}: usage {usage}, modelUsage {models}, total_cost_usd {cost:.5f}")
    assert len({session for session, *_ in runs}) == 1
    assert [usage for _, usage, _, _ in runs] == [1000, 1000, 1000]
    assert [models for _, _, models, _ in runs] == [1000 * each for each in factors], "the surprise is gone"
    assert all(abs(cost - each * runs[0][3]) < 1e-9 for (*_, cost), each in zip(runs, factors)), "the surprise is gone"
PYTHON
