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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from orchestrator.app.factories.bus_factory import open_mission_bus
from orchestrator.bench import task_queue
from orchestrator.bench.result import Measurement, median
from orchestrator.core.errors import BusUnavailable, WrongSetting
from orchestrator.core.ports.mission_bus import MissionBus
from orchestrator.core.secret_text import SecretText
from orchestrator.core.settings import Settings

ROUNDS, MISSIONS = 41, 50
BAR = 0.5
START_SECONDS = 20.0


class BusOnServer(MissionBus, Protocol):
    """The bus, and the plain client beneath it."""

    client: Any

    def make_groups(self) -> None:
        """Makes the streams and groups that are missing. Raises BusUnavailable."""

    def close(self) -> None:
        """Closes its connections."""


def measure(postgres: str = "") -> list[Measurement]:
    """Missions a second, each published, claimed and ended by one worker; with the address of a database also beside a
    task queue there. Raises WrongSetting without a server."""
    with tempfile.TemporaryDirectory(prefix="shiftbook-bench-") as name, _server(Path(name)) as bus:
        pairs = [(_timed(bus, _ours, number), _timed(bus, _bare, number)) for number in range(ROUNDS)]
        results = [
            _result("missions published, claimed and ended over Redis", "a second", [(a[0], b[0]) for a, b in pairs]),
            _result("the same by what it costs", "a second of processor time", [(a[1], b[1]) for a, b in pairs]),
        ]
        if postgres:
            results.append(task_queue.measure(postgres, lambda number: _ours(bus, ROUNDS + number), MISSIONS))
    return results


def _result(name: str, unit: str, seconds: list[tuple[float, float]]) -> Measurement:
    """One measurement; `seconds` are those of our loop and of the bare one, round by round."""
    ours, bare = (MISSIONS / median([pair[which] for pair in seconds]) for which in (0, 1))
    ratio = median([pair[1] / pair[0] for pair in seconds])
    return Measurement(
        name=name,
        value=round(ours),
        unit=unit,
        bar=f">= {BAR:g} x a bare XADD, XREADGROUP, XACK",
        met=ratio >= BAR,
        baseline=round(bare),
        ratio=round(ratio, 2),
    )


def _timed(bus: BusOnServer, loop: Callable[[BusOnServer, int], None], number: int) -> tuple[float, float]:
    """Seconds that one round took by the clock, and of this process' and the server's processor time."""
    before, began = _server_cpu(bus) + time.process_time(), time.perf_counter()
    loop(bus, number)
    took = time.perf_counter() - began
    return took, _server_cpu(bus) + time.process_time() - before


def _server_cpu(bus: BusOnServer) -> float:
    used: Any = bus.client.info("cpu")
    return float(used["used_cpu_user"]) + float(used["used_cpu_sys"])


@contextmanager
def _server(folder: Path) -> Iterator[BusOnServer]:
    program = shutil.which("redis-server")
    if program is None:
        raise WrongSetting("--bus", "redis-server is not installed: apt-get install redis-server")
    socket = folder / "redis.sock"
    words = ["--port", "0", "--unixsocket", str(socket), "--dir", str(folder), "--save", "", "--appendonly", "yes"]
    process = subprocess.Popen([program, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    bus = open_mission_bus(Settings(redis_url=SecretText(f"unix://{socket}"), stream_prefix="bench"))
    try:
        _wait(bus)
        yield bus
    finally:
        bus.close()
        process.terminate()
        process.wait(timeout=START_SECONDS)


def _wait(bus: BusOnServer) -> None:
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


def _ours(bus: BusOnServer, number: int) -> None:
    for each in range(MISSIONS):
        text = _envelope(f"bench-{number}-{each}")
        bus.publish(text, 5)
        (held,) = bus.claim("bench", 1)
        bus.finish(held, text)


def _bare(bus: BusOnServer, number: int) -> None:
    client, stream = bus.client, f"bare-{number}"
    client.xgroup_create(stream, "bare", id="0", mkstream=True)
    for each in range(MISSIONS):
        entry = client.xadd(stream, {"envelope": _envelope(f"bare-{number}-{each}")})
        client.xreadgroup("bare", "bench", {stream: ">"}, count=1)
        client.xack(stream, "bare", str(entry))


def _envelope(job: str) -> str:
    payload = {"task": "general_task:Say why the log-in fails when the token has expired.", "context": {}}
    return json.dumps({"job_id": job, "priority": 5, "timeout_seconds": 3600, "max_retries": 3, "payload": payload})
