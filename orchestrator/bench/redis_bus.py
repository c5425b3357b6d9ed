"""How fast does the Redis bus carry missions on this machine, against the barest loop on the same server?

The server is a real one, started for the measurement on a Unix socket, with the settings of docs/redis.md. Both loops
take turns, so that what else the machine does weighs on both.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretStr

from orchestrator.app.bus_factory import open_mission_bus
from orchestrator.bench.result import Measurement, median
from orchestrator.core.errors import BusUnavailable, WrongSetting
from orchestrator.core.settings import Settings

if TYPE_CHECKING:
    from orchestrator.adapters.redis_bus.bus import RedisBus

ROUNDS, MISSIONS = 41, 50
BAR = 0.5
START_SECONDS = 20.0


def measure() -> list[Measurement]:
    """Missions a second, each published, claimed and ended by one worker. Raises WrongSetting without a server."""
    with tempfile.TemporaryDirectory(prefix="shiftbook-bench-") as name, _server(Path(name)) as bus:
        pairs = [(_ours(bus, number), _bare(bus, number)) for number in range(ROUNDS)]
    ours, bare = median([pair[0] for pair in pairs]), median([pair[1] for pair in pairs])
    ratio = median([pair[0] / pair[1] for pair in pairs])
    return [
        Measurement(
            name="missions published, claimed and ended over Redis",
            value=round(ours),
            unit="a second",
            bar=f">= {BAR:g} x a bare XADD, XREADGROUP, XACK",
            met=ratio >= BAR,
            baseline=round(bare),
            ratio=round(ratio, 2),
        )
    ]


@contextmanager
def _server(folder: Path) -> Iterator[RedisBus]:
    program = shutil.which("redis-server")
    if program is None:
        raise WrongSetting("--bus", "redis-server is not installed: apt-get install redis-server")
    socket = folder / "redis.sock"
    words = ["--port", "0", "--unixsocket", str(socket), "--dir", str(folder), "--save", "", "--appendonly", "yes"]
    process = subprocess.Popen([program, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    bus = open_mission_bus(Settings(redis_url=SecretStr(f"unix://{socket}"), stream_prefix="bench"))
    try:
        _wait(bus)
        yield bus
    finally:
        bus.close()
        process.terminate()
        process.wait(timeout=START_SECONDS)


def _wait(bus: RedisBus) -> None:
    over = time.monotonic() + START_SECONDS
    while True:
        try:
            bus.make_groups()
        except BusUnavailable:
            if time.monotonic() > over:
                raise
            time.sleep(0.02)
        else:
            return


def _ours(bus: RedisBus, number: int) -> float:
    texts = [_envelope(f"bench-{number}-{each}") for each in range(MISSIONS)]
    began = time.perf_counter()
    for text in texts:
        bus.publish(text, 5)
        (held,) = bus.claim("bench", 1)
        bus.finish(held, text)
    return MISSIONS / (time.perf_counter() - began)


def _bare(bus: RedisBus, number: int) -> float:
    client, stream = bus.client, f"bare-{number}"
    client.xgroup_create(stream, "bare", id="0", mkstream=True)
    texts = [_envelope(f"bare-{number}-{each}") for each in range(MISSIONS)]
    began = time.perf_counter()
    for text in texts:
        entry = client.xadd(stream, {"envelope": text})
        client.xreadgroup("bare", "bench", {stream: ">"}, count=1)
        client.xack(stream, "bare", str(entry))
    return MISSIONS / (time.perf_counter() - began)


def _envelope(job: str) -> str:
    payload = {"task": "general_task:Say why the log-in fails when the token has expired.", "context": {}}
    return json.dumps({"job_id": job, "priority": 5, "timeout_seconds": 3600, "max_retries": 3, "payload": payload})
