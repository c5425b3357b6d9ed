#!/usr/bin/env bash
# Claude Code 2.1.332: `claude -p` that is interrupted while a tool runs exits with 0.
#
# SIGINT (Ctrl-C, `timeout -s INT`, a supervisor's stop signal) ends the run at once and nothing is finished, but the exit
# code is 0 with every output format. So `claude -p ... && git push` goes on to the push after Ctrl-C: the shell, which got
# the signal too, continues because its child was not killed by it, and `&&` because it exited with 0. SIGTERM gives 143.
# `text` prints "Execution error" or nothing; the `result` of `json` and `stream-json`, which says "is_error": true, does
# not always come. So only a result that came and says no error is a success.
# Seen: @anthropic-ai/claude-code 2.1.332, Python 3.11, a server on loopback whose model calls Bash. Fails once that has
# changed. Installs about 350 MB into a temporary folder.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
npm install --silent --no-audit --no-fund --no-save --no-package-lock --prefix "$folder/claude" \
  @anthropic-ai/claude-code@2.1.332
mkdir "$folder/home" "$folder/work"
python3 - "$folder" <<'PYTHON'
import json
import os
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

folder = Path(sys.argv[1])
begun = folder / "begun"
USAGE = {"input_tokens": 1000, "output_tokens": 50}


class Model(BaseHTTPRequestHandler):
    """Has Bash sleep, in the events of Anthropic's Messages API."""

    def log_message(self, *words):
        pass

    def do_HEAD(self):
        self.send_response(200)
        self.end_headers()

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        message = {"id": f"msg_{id(asked)}", "type": "message", "role": "assistant", "model": asked["model"]}
        message |= {"content": [], "stop_reason": None, "stop_sequence": None, "usage": USAGE}
        call = json.dumps({"command": f"touch {begun}; sleep 40"})
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        for event in (
            {"type": "message_start", "message": message},
            {
                "type": "content_block_start",
                "index": 0,
                "content_block": {"type": "tool_use", "id": f"toolu_{id(asked)}", "name": "Bash", "input": {}},
            },
            {"type": "content_block_delta", "index": 0, "delta": {"type": "input_json_delta", "partial_json": call}},
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": "tool_use", "stop_sequence": None}, "usage": USAGE},
            {"type": "message_stop"},
        ):
            self.wfile.write(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())


server = ThreadingHTTPServer(("127.0.0.1", 0), Model)
threading.Thread(target=server.serve_forever, daemon=True).start()
named = ("CLAUDE", "ANTHROPIC")
environment = {name: value for name, value in os.environ.items() if not name.startswith(named)}
environment |= {"HOME": str(folder / "home"), "ANTHROPIC_BASE_URL": f"http://127.0.0.1:{server.server_port}"}
environment |= {"ANTHROPIC_API_KEY": "none", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "DISABLE_AUTOUPDATER": "1"}
program = str(folder / "claude/node_modules/.bin/claude")


def interrupted(number, form, line='"$@"'):
    """Exit code and output of a shell with this line, all of whose processes get the signal once the tool runs."""
    begun.unlink(missing_ok=True)
    argv = ["bash", "-c", line, "bash", program, "-p", "Go.", "--output-format", form, "--model", "claude-sonnet-4-5"]
    argv += ["--setting-sources", "user", "--allowedTools", "Bash"]
    run = subprocess.Popen(
        argv,
        cwd=folder / "work",
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    end = time.monotonic() + 100
    while not begun.exists() and run.poll() is None and time.monotonic() < end:
        time.sleep(0.1)
    assert begun.exists(), "the tool has not begun"
    os.killpg(run.pid, number)
    return run.communicate(timeout=60)[0].splitlines(), run.returncode


text, plain = interrupted(signal.SIGINT, "text")
print(f"text, SIGINT: exit code {plain}, said {text}")
lines, code = interrupted(signal.SIGINT, "json")
results = [json.loads(line) for line in lines]
print(f"json, SIGINT: exit code {code}, results {[(each['subtype'], each['is_error']) for each in results]}")
after, _ = interrupted(signal.SIGINT, "text", '"$@" && echo "the next command runs"')
print(f"`claude -p ... && echo ...`, SIGINT: {after[-1:]}")
_, ended = interrupted(signal.SIGTERM, "json")
print(f"json, SIGTERM: exit code {ended}")
assert ended == 143
assert all(each["is_error"] for each in results)
assert plain == code == 0 and after and after[-1].endswith("the next command runs"), "the surprise is gone"
PYTHON
