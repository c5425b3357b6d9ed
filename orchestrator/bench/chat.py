"""What does the HTTP side cost a chat, and what does the prompt cache spare it?

A served node with the embedded model, beside the same model in this process; both are idle while the other is measured,
and they take turns, so that a busy machine is busy for both. The 400 streams are another server, whose backend is a
stand-in that says a word each second: 400 answers of a real one would measure the model's queue.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import httpx

from missions.plain_data import read_json
from orchestrator.app import wiring
from orchestrator.app.web_process import served_at
from orchestrator.bench.chat_listeners import StreamListeners, listen_to_streams
from orchestrator.bench.result import Measurement, at_most
from orchestrator.bench.testbed import BenchSetup, make_testbed
from orchestrator.core.environment import load_settings
from orchestrator.core.ports.model import Model, Prompt, PromptMessage

ROUNDS = 7
TOKENS = 200
STREAMS = 400
MIN_THROUGHPUT_SHARE = 0.97
TIMES_FASTER = 20
HANGUP_MS = 200
START_TIMEOUT_SECONDS = 60.0
PROJECTS = [f"shop{number}" for number in range(ROUNDS)]
OWN_VARIABLE_PREFIXES = ("GIT_", "SHIFTBOOK_", "FACTORY_", "LLM_", "OLLAMA_")


def measure() -> list[Measurement]:
    """All of it; takes some two minutes on two cores."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        ground = _ledger(root)
        with _running_server(root / "home", "serve", ledger=str(ground.bare)) as client:
            found = [_rate(client, root), *_first_words(client), _hangup(client)]
        return [*found, *_streams(root)]


# -- tokens a second -------------------------------------------------------------------------------------------------


def _rate(client: httpx.Client, root: Path) -> Measurement:
    """Whole answers: from the request to the last token, in tokens a second."""
    router = wiring.router(load_settings(home=root / "alone"))
    model, known = router.choose("xllamacpp").model, _facts("the shop", 40)
    messages = [{"role": "system", "content": known}, {"role": "user", "content": "Tell a very long story."}]
    body = {"messages": messages, "max_tokens": TOKENS, "temperature": 0, "seed": 1, "stream": True}
    body |= {"model": "xllamacpp", "stream_options": {"include_usage": True}, "prompt_cache_key": "bench"}
    try:
        _alone(model, messages)  # loads the model and reads the prompt; the API's first call does the same over there
        _through(client, body)
        pairs = [(_alone(model, messages), _through(client, body)) for _ in range(ROUNDS)]
    finally:
        router.close()
    alone, through = median(a for a, _ in pairs), median(b for _, b in pairs)
    ratio = median(b / a for a, b in pairs)
    return Measurement(
        name="tokens a second through the API, beside the backend alone in the same rounds",
        value=round(through, 1),
        unit="tokens/s",
        bar=f">= {MIN_THROUGHPUT_SHARE} x the backend alone",
        met=ratio >= MIN_THROUGHPUT_SHARE,
        baseline=round(alone, 1),
        ratio=round(ratio, 4),
    )


def _alone(model: Model, messages: list[dict[str, str]]) -> float:
    prompt = Prompt(
        messages=tuple(PromptMessage(**each) for each in messages),
        max_tokens=TOKENS,
        temperature=0,
        seed=1,
        conversation="bench",
    )
    began = time.perf_counter()
    made = model.generate(prompt, on_text=lambda text: None, stop=threading.Event())
    return made.usage.tokens_out / (time.perf_counter() - began)


def _through(client: httpx.Client, body: dict[str, Any]) -> float:
    usage: dict[str, int] = {}
    began = time.perf_counter()
    with client.stream("POST", "/v1/chat/completions", json=body) as answer:
        for line in answer.iter_lines():
            if line.startswith("data: {"):
                usage = read_json(line.removeprefix("data: ")).get("usage") or usage
    return float(usage["completion_tokens"]) / (time.perf_counter() - began)


# -- the first word --------------------------------------------------------------------------------------------------


def _first_words(client: httpx.Client) -> list[Measurement]:
    """Cold: the first message about a project that this process never read of. Then the second of that conversation."""
    cold, warm, tokens = [], [], []
    for project in PROJECTS:
        first = _ask(client, "Which port has service 7?", project=project)
        second = _ask(client, "And service 9?", conversation_id=first["id"])
        cold.append(first["seconds"])
        warm.append(second["seconds"])
        tokens.append(first["tokens"])
    ratio = median(b / a for a, b in zip(cold, warm, strict=True))
    return [
        Measurement(
            name=f"first word of the second turn, after a handoff of {round(median(tokens)):,} tokens, beside cold",
            value=round(median(warm) * 1000, 1),
            unit="ms",
            bar=f"<= 1/{TIMES_FASTER} of cold",
            met=ratio <= 1 / TIMES_FASTER,
            baseline=round(median(cold) * 1000, 1),
            ratio=round(ratio, 4),
        )
    ]


def _ask(client: httpx.Client, message: str, **more: str) -> dict[str, Any]:
    """Seconds from the request to the first token, at the caller."""
    body = {"message": message, "device_id": "bench", "model": "xllamacpp", **more}
    found: dict[str, Any] = {}
    began = time.perf_counter()
    with client.stream("POST", "/chat/stream", json=body) as answer:
        answer.raise_for_status()
        kind = ""
        for line in answer.iter_lines():
            if line.startswith("event: "):
                kind = line.removeprefix("event: ")
                if kind == "token":
                    found.setdefault("seconds", time.perf_counter() - began)
            elif line.startswith("data: ") and kind == "start":
                data = read_json(line.removeprefix("data: "))
                found |= {"id": data["conversation_id"], "tokens": data["tokens_in"]}
    return found


# -- hanging up ------------------------------------------------------------------------------------------------------


def _hangup(client: httpx.Client) -> Measurement:
    """From closing the connection, while a long prompt is read, to when the answer is stored as stopped."""
    took = []
    for number in range(ROUNDS):
        device = f"gone{number}"
        message = f"{number} " + "word " * 3000
        with client.stream("POST", "/chat/stream", json={"message": message, "device_id": device}) as answer:
            found = next(line for line in answer.iter_lines() if line.startswith("data: "))
            conversation = read_json(found.removeprefix("data: "))["conversation_id"]
            time.sleep(0.3)
        began = time.perf_counter()
        while client.get(f"/chat/conversations/{conversation}").json()["turns"] < 2:
            time.sleep(0.002)
        took.append((time.perf_counter() - began) * 1000)
    return at_most("a caller who hangs up while a prompt is read: the answer has ended", median(took), "ms", HANGUP_MS)


# -- many streams ----------------------------------------------------------------------------------------------------


def _streams(root: Path) -> list[Measurement]:
    """The listeners are a process of their own; the sign of life is asked for from this one meanwhile."""
    with _running_server(root / "stub", "orchestrator.bench.chat_stub", SHIFTBOOK_STREAMS=str(STREAMS + 40)) as client:
        url, took = str(client.base_url), list[float]()
        with listen_to_streams(url, STREAMS) as held:
            held.wait_until_all_heard(START_TIMEOUT_SECONDS)
            while not held.first_ended:
                began = time.perf_counter()
                client.get("/health").raise_for_status()
                took.append((time.perf_counter() - began) * 1000)
                time.sleep(0.02)
        counted: StreamListeners = held
    stubbed = "generation stubbed at the backend port"
    p99 = quantiles(took, n=100)[98]
    return [
        Measurement(
            name=f"streams that ended whole of {STREAMS} held at once ({stubbed})",
            value=counted.whole,
            unit="streams",
            bar=f"all {STREAMS}",
            met=counted.whole == STREAMS,
        ),
        at_most(f"/health meanwhile, 99 of 100, {len(took)} times ({stubbed})", p99, "ms", 50),
    ]


# -- the ground ------------------------------------------------------------------------------------------------------


def _facts(name: str, count: int) -> str:
    lines = (
        f"- In {name}, service {n} listens on port {8000 + n * 7} and writes to table t{n}.\n" for n in range(count)
    )
    return f"# {name}\n\n" + "".join(lines)


def _ledger(root: Path) -> BenchSetup:
    """A ledger with a project for each round, whose handoff has some 1,600 tokens."""
    ground = make_testbed(root / "ground", missions=0)
    clone = ground.clone()
    charter = clone.folder / "fleet.toml"
    tables = "".join(f'\n[projects.{name}]\nurl = "{ground.bare}"\n' for name in PROJECTS)
    asked = '\n[answers]\ngrounded = "off"\n'  # the model itself is measured, also where a line would answer
    charter.write_text(charter.read_text(encoding="utf-8") + tables + asked, encoding="utf-8")
    for name in PROJECTS:
        folder = clone.folder / "projects" / name
        folder.mkdir(parents=True)
        (folder / "PROJECT_CONTEXT.md").write_text(_facts(name, 32), encoding="utf-8")
        (folder / "SESSION_BRIEFING.md").write_text(_facts(f"the week of {name}", 21), encoding="utf-8")
    clone.run("add", "--all")
    clone.run("commit", "--quiet", "-m", "Projects")
    clone.run("push", "--quiet")
    return ground


@contextmanager
def _running_server(home: Path, what: str, *, ledger: str = "", **extra: str) -> Iterator[httpx.Client]:
    """A server's process, and a client to it. `what` is the verb `serve`, or a module that serves."""
    home.mkdir(parents=True)
    env = {key: value for key, value in os.environ.items() if not key.startswith(OWN_VARIABLE_PREFIXES)}
    own = {"SHIFTBOOK_HOME": str(home), "SHIFTBOOK_NODE_ID": "bench", "SHIFTBOOK_HTTP": "127.0.0.1:0"}
    own |= {"FACTORY_ROLE": "HEADQUARTERS", "SHIFTBOOK_LEDGER": ledger, "LLM_PROVIDER_OVERRIDE": "xllamacpp"}
    words = ["-P", "-m", "orchestrator", "serve"] if what == "serve" else ["-P", "-m", what]
    command = [sys.executable, *words]  # -P: not what lies in the folder that this is run from
    process = subprocess.Popen(command, env=env | own | extra, stdin=subprocess.DEVNULL)
    try:
        with httpx.Client(base_url=_url(home, process), timeout=START_TIMEOUT_SECONDS, trust_env=False) as client:
            yield client
    finally:
        process.terminate()
        process.wait(timeout=START_TIMEOUT_SECONDS)


def _url(home: Path, process: subprocess.Popen[bytes]) -> str:
    over = time.monotonic() + START_TIMEOUT_SECONDS
    while time.monotonic() < over and process.poll() is None:
        try:
            url = served_at(home)
            httpx.get(f"{url}/health", timeout=2, trust_env=False).raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.1)
            continue
        return url
    raise TimeoutError("the server did not start")
