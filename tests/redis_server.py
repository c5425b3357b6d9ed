"""Where do tests have a Redis server from? A real one each, in a folder of its own, which they may kill and bring back.

It listens on a Unix socket (on loopback where a test asks for a port), and ends with its test.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis

from orchestrator.adapters.redis_bus.bus import RedisBus
from orchestrator.adapters.redis_bus.connection import read_address
from orchestrator.adapters.redis_bus.stream_names import StreamNames
from tests.conftest import require_program

START_SECONDS = 30.0


@dataclass
class RedisServer:
    """One server. `words` are settings beyond the defaults, as the command line takes them."""

    folder: Path
    words: tuple[str, ...] = ()
    process: subprocess.Popen[bytes] | None = None
    buses: list[RedisBus] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Its socket."""
        return f"unix://{self.folder / 'redis.sock'}"

    def start(self) -> None:
        """Starts it on what its folder holds, and waits until it answers."""
        fixed = ["--unixsocket", str(self.folder / "redis.sock"), "--dir", str(self.folder)]
        defaults = ["--port", "0", "--save", "", "--appendonly", "yes", "--appendfsync", "everysec"]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [require_program("redis-server"), *fixed, *defaults, *self.words], stdout=log, stderr=log
            )
        over = time.monotonic() + START_SECONDS
        while not self._answers():
            assert self.process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < over, (self.folder / "log").read_text()
            time.sleep(0.01)

    def _answers(self) -> bool:
        try:
            with self.client() as client:
                return bool(client.ping())
        except redis.exceptions.AuthenticationError:
            return True
        except redis.exceptions.RedisError:
            return False

    def client(self) -> redis.Redis:
        """A plain client, as anybody has."""
        return redis.Redis.from_url(self.url, decode_responses=True)

    def bus(self, prefix: str = "t") -> RedisBus:
        """The product's bus on it."""
        bus = RedisBus(read_address(self.url), StreamNames(prefix=prefix))
        self.buses.append(bus)
        return bus

    def kill(self) -> None:
        """SIGKILL: what is not on its disk is gone."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(timeout=START_SECONDS)
        self.process = None

    def copy(self, to: Path) -> None:
        """What its disk holds now, as a replica that lags would have it."""
        for part in ("appendonlydir",):
            shutil.copytree(self.folder / part, to / part)

    def restore(self, older: Path) -> None:
        """The server that is stopped comes back with an older copy."""
        assert self.process is None
        shutil.rmtree(self.folder / "appendonlydir")
        shutil.copytree(older / "appendonlydir", self.folder / "appendonlydir")

    def set(self, **settings: Any) -> None:
        """Changes settings while it runs; `maxmemory=1` is `CONFIG SET maxmemory 1`."""
        with self.client() as client:
            for name, value in settings.items():
                client.config_set(name.replace("_", "-"), value)

    def stop(self) -> None:
        """Ends it, and every client."""
        for bus in self.buses:
            bus.close()
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(timeout=START_SECONDS)
            self.process = None


@contextmanager
def redis_server(*words: str) -> Iterator[RedisServer]:
    """A running server; it is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="redis-", ignore_cleanup_errors=True) as name:
        server = RedisServer(Path(name), words)
        try:
            server.start()
            yield server
        finally:
            server.stop()


def entries(server: RedisServer, stream: str) -> list[dict[str, str]]:
    """What lies on a stream, oldest first."""
    with server.client() as client:
        rows: Any = client.xrange(stream)
    return [fields for _, fields in rows]
