#!/usr/bin/env bash
# GitHub Copilot CLI 1.0.102: over ACP a refused call of the model's API is a finished turn.
#
# The Agent Client Protocol has `stopReason: "end_turn"` for "the language model finishes responding without requesting
# more tools", and JSON-RPC errors for what goes wrong. With `copilot --acp` and a provider of one's own that answers 401
# or 400, `session/prompt` returns `end_turn` and no error; what happened stands as an ordinary `agent_message_chunk`,
# "Error: Authentication failed ...", where an answer stands otherwise. `copilot -p` with the same provider exits with 1.
# A client that goes by the stop reason takes work that never began for done, and the error for the answer.
# Seen: @github/copilot 1.0.102, Node 20, a server on loopback. Fails once that has changed. Installs about 300 MB into a
# temporary folder.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
npm install --silent --no-audit --no-fund --no-save --no-package-lock --prefix "$folder/copilot" @github/copilot@1.0.102
mkdir "$folder/home" "$folder/work"
python3 - "$folder" <<'PYTHON'
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

folder = Path(sys.argv[1])
program = folder / "copilot/node_modules/.bin/copilot"
REFUSED = json.dumps({"error": {"message": "refused", "type": "invalid_request_error", "code": "invalid_api_key"}})


class Refusing(BaseHTTPRequestHandler):
    """Answers /STATUS/... with that status, as OpenAI's API does."""

    def log_message(self, *words):
        pass

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(int(self.path.split("/")[1]))
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(REFUSED)))
        self.end_headers()
        self.wfile.write(REFUSED.encode())


server = ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
threading.Thread(target=server.serve_forever, daemon=True).start()


def environment(status):
    own = {"TYPE": "openai", "BASE_URL": f"http://127.0.0.1:{server.server_port}/{status}/v1", "API_KEY": "none"}
    provider = {f"COPILOT_PROVIDER_{name}": value for name, value in own.items()}
    other = {"COPILOT_MODEL": "gpt-5.2", "COPILOT_OFFLINE": "true", "COPILOT_AUTO_UPDATE": "false"}
    return os.environ | provider | other | {"HOME": str(folder / "home")}


def prompted(status):
    """The answer to session/prompt, and what the agent said meanwhile."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    agent = subprocess.Popen([program, "--acp"], cwd=folder / "work", env=environment(status), **pipes)
    limit = threading.Timer(100, agent.kill)
    limit.start()
    said = []

    def call(number, method, **params):
        print(json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params}), file=agent.stdin)
        agent.stdin.flush()
        for line in agent.stdout:
            told = json.loads(line)
            if told.get("id") == number and "method" not in told:
                return told
            update = told.get("params", {}).get("update", {})
            if update.get("sessionUpdate") == "agent_message_chunk":
                said.append(update["content"]["text"])
        raise SystemExit("the agent ended without an answer")

    call(1, "initialize", protocolVersion=1, clientCapabilities={})
    session = call(2, "session/new", cwd=str(folder / "work"), mcpServers=[])["result"]["sessionId"]
    answer = call(3, "session/prompt", sessionId=session, prompt=[{"type": "text", "text": "Say hello."}])
    agent.stdin.close()
    agent.wait(30)
    limit.cancel()
    return answer, said


for status in (400, 401):
    argv = [program, "-p", "Say hello."]
    plain = subprocess.run(argv, cwd=folder / "work", env=environment(status), capture_output=True, timeout=100)
    answer, said = prompted(status)
    print(f"HTTP {status}: copilot -p exits with {plain.returncode}; ACP: {answer.get('result') or answer.get('error')}")
    print(f"  said: {said[-1]!r}")
    assert plain.returncode == 1
    assert answer.get("result", {}).get("stopReason") == "end_turn", "the surprise is gone"
    assert said[-1].startswith("Error: ")
PYTHON
