"""Our own OpenAPI description against the server that serves it, by schemathesis: each route, good and bad input."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.fleets import Fleet
from tests.acceptance.test_serving import get, record, serving
from tests.loopback import LoopbackServer
from tests.waiting import PATIENCE

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
ENDLESS = "/api/v1/events"
"""A stream that has no end; tests/orchestrator/api/test_events.py reads it."""


class StandIn(BaseHTTPRequestHandler):
    """Stands in for a model server that speaks OpenAI's protocol: it answers any prompt with two words, at once."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._tell(json.dumps({"object": "list", "data": [{"id": "stand-in", "object": "model"}]}), "application/json")

    def do_POST(self) -> None:
        asked: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        usage = {"prompt_tokens": 2, "completion_tokens": 2, "total_tokens": 4}
        if "embeddings" in self.path:
            many = len(asked["input"]) if isinstance(asked["input"], list) else 1
            data = [{"object": "embedding", "index": n, "embedding": [0.5, 0.5]} for n in range(many)]
            self._tell(
                json.dumps({"object": "list", "data": data, "model": "stand-in", "usage": usage}), "application/json"
            )
            return
        head = {"id": "x", "created": 1, "model": "stand-in"}
        if not asked.get("stream"):
            choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "So be it."}}
            told = {**head, "object": "chat.completion", "choices": [choice], "usage": usage}
            self._tell(json.dumps(told), "application/json")
            return
        pieces: list[dict[str, Any]] = [
            {"choices": [{"index": 0, "delta": {"role": "assistant", "content": "So be it."}}]},
            {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
            {"choices": [], "usage": usage},
        ]
        lines = [json.dumps({**head, "object": "chat.completion.chunk", **piece}) for piece in pieces]
        self._tell("".join(f"data: {line}\n\n" for line in [*lines, "[DONE]"]), "text/event-stream")

    def _tell(self, text: str, kind: str) -> None:
        data = text.encode()
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def backend() -> Iterator[str]:
    """The stand-in's URL."""
    server = LoopbackServer(("127.0.0.1", 0), StandIn)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    server.server_close()
    thread.join(timeout=PATIENCE)


@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    ("phases", "examples"),
    [("examples,fuzzing", 2), pytest.param("examples,coverage,fuzzing", 50, marks=pytest.mark.nightly)],
    ids=["few", "many"],
)
def test_no_route_fails_or_answers_what_is_not_described(
    fleet: Fleet, backend: str, tmp_path: Path, phases: str, examples: int
) -> None:
    """Every route, good input and bad: no 5xx, no status, type, header or body that the description lacks."""
    fleet.found("hq")
    fleet.start(
        "hq",
        SHIFTBOOK_HTTP="127.0.0.1:0",
        FACTORY_ROLE="HEADQUARTERS",
        LLM_PROVIDER_OVERRIDE="openai",
        SHIFTBOOK_OPENAI_URL=backend,
    )
    serving(fleet, "hq")
    home = fleet.folder / "hq"
    fleet.wait("it is ready", lambda: get(home, "/ready")[0] == 200)
    url = record(home)["url"]
    program = Path(sys.executable).with_name("schemathesis")
    words = ["run", f"{url}/openapi.json", "--checks", ",".join(CHECKS), "--phases", phases]
    # one worker: two threads of Python 3.11 that parse at once confuse its parser (AST constructor recursion depth)
    limits = ["--max-examples", str(examples), "--request-timeout", f"{PATIENCE:.0f}", "--seed", "1", "--workers", "1"]
    options = ["--exclude-path", ENDLESS, "--suppress-health-check", "all", "--no-color", "--continue-on-failure"]
    done = subprocess.run(
        [str(program), *words, *limits, *options],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=3500,
        check=False,
    )
    found = done.stdout.partition("= FAILURES =")[2].partition("= WARNINGS =")[0]
    assert done.returncode == 0, found[:8000] + done.stdout[-2000:] + done.stderr[-2000:] + fleet.words()
    log = (home / "http.log").read_text(encoding="utf-8")
    statuses = {json.loads(line)["status"] for line in log.splitlines() if "status" in line}
    assert {200, 422} <= statuses
    assert not [status for status in statuses if status >= 500]
    routes = {json.loads(line).get("route") for line in log.splitlines()}
    with_parameters = {path.replace("{", "<").replace("}", ">") for path in _paths(home)} - {ENDLESS}
    assert with_parameters <= {_plain(route) for route in routes if route}


def _paths(home: Path) -> set[str]:
    return set(get(home, "/openapi.json")[1]["paths"])


def _plain(route: str) -> str:
    """A rule without its converters: `<int:id>` is `<id>`."""
    return "".join(part if n % 2 == 0 else f"<{part.rpartition(':')[2]}>" for n, part in enumerate(_split(route)))


def _split(route: str) -> list[str]:
    return route.replace(">", "<").split("<")
