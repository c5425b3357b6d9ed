"""How do tests get a real model server? xllamacpp's own HTTP server, in a process of its own, on loopback.

It speaks the OpenAI protocol; tests/ollama_shim.py puts Ollama's in front of it.
"""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.waiting import PATIENCE

PROGRAM = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # ends with the test process, whatever becomes of it
os.environ["OMP_WAIT_POLICY"] = "passive"
import xllamacpp
path, context, embedding, key = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "embedding", sys.stdin.readline().strip()
params = xllamacpp.CommonParams()
params.model.path, params.api_keys, params.model_alias = path, [key], {"tiny"}
params.n_ctx, params.n_parallel, params.n_batch, params.cache_ram_mib = context, 1, 128, 0
params.verbosity, params.warmup, params.ui = -1, False, False
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
if embedding:
    params.embedding, params.n_batch, params.n_ubatch = True, context, context
    params.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
server = xllamacpp.Server(params)
print(server.listening_address, flush=True)
sys.stdin.read()
"""


@dataclass(frozen=True, kw_only=True)
class Llama:
    """A running server. `url` ends in /v1."""

    url: str
    key: str
    process: subprocess.Popen[str]

    def freeze(self) -> None:
        """It keeps its port and says nothing more."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on."""
        self.process.send_signal(signal.SIGCONT)


@contextmanager
def llama_server(path: Path, *, context: int = 2048, embedding: bool = False) -> Iterator[Llama]:
    """A real llama.cpp server for a GGUF file."""
    key = secrets.token_hex(8)
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(path), str(context), "embedding" if embedding else "chat"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=os.environ | {"PYTHONWARNINGS": "ignore"},
    )
    try:
        assert process.stdin
        assert process.stdout
        process.stdin.write(key + "\n")
        process.stdin.flush()
        address = process.stdout.readline().strip()
        assert address.startswith("http://127.0.0.1:"), "the server did not start"
        yield Llama(url=f"{address}/v1", key=key, process=process)
    finally:
        process.kill()
        process.wait(timeout=60)
        for pipe in (process.stdin, process.stdout):
            if pipe:
                pipe.close()


def eventually(said: object, seconds: float = PATIENCE) -> None:
    """Waits until `said()` is true, at most `seconds`."""
    over = time.monotonic() + seconds
    while not said():  # type: ignore[operator]
        assert time.monotonic() < over, "it did not come true"
        time.sleep(0.02)
