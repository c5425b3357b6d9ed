"""Where do tests have a Redis server from? A real one each, in a folder of its own, which they may kill and bring back.

It listens on a Unix socket (on loopback where a test asks for a port), and ends with its test.
"""

from __future__ import annotations

import resource
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis

from orchestrator.adapters.redis_bus.bus import RedisBus
from orchestrator.adapters.redis_bus.connection import read_address
from orchestrator.adapters.redis_bus.stream_names import StreamNames
from tests.conftest import require_program
from tests.servers import free_port
from tests.waiting import PATIENCE


@dataclass
class RedisServer:
    """One server. `words` are settings beyond the defaults, as the command line takes them. `data` is where its log
    lies, which is another folder once a replica has taken its place."""

    folder: Path
    words: tuple[str, ...] = ()
    process: subprocess.Popen[bytes] | None = None
    buses: list[RedisBus] = field(default_factory=list)
    data: Path = field(init=False)
    _replica: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self.data = self.folder

    @property
    def url(self) -> str:
        """Its socket."""
        return f"unix://{self.folder / 'redis.sock'}"

    def start(self) -> None:
        """Starts it on what its folder holds, and waits until it answers."""
        self.process = self._begin(self.folder / "redis.sock", self.data, *self.words)
        self._await(self.process, self._answers)

    def _begin(self, at: Path, data: Path, *words: str) -> subprocess.Popen[bytes]:
        fixed = ["--unixsocket", str(at), "--dir", str(data)]
        defaults = ["--port", "0", "--save", "", "--appendonly", "yes", "--appendfsync", "everysec"]
        defaults += ["--repl-diskless-sync-delay", "0"]  # it would wait five seconds for another replica to come
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(
                [require_program("redis-server"), *fixed, *defaults, *words],
                stdout=log,
                stderr=log,
                restore_signals=False,  # Python ignores SIGXFSZ, and so must what is to be told that its disk is full
            )

    def _await(self, process: subprocess.Popen[bytes], fact: Callable[[], bool]) -> None:
        over = time.monotonic() + PATIENCE
        while not fact():
            assert process.poll() is None, (self.folder / "log").read_text()
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
        return self.client_at("redis.sock")

    def client_at(self, name: str) -> redis.Redis:
        """The same at another socket of its folder."""
        return redis.Redis.from_url(f"unix://{self.folder / name}", decode_responses=True)

    def bus(self, prefix: str = "t") -> RedisBus:
        """The product's bus on it."""
        bus = RedisBus(read_address(self.url), StreamNames(prefix=prefix))
        self.buses.append(bus)
        return bus

    def kill(self) -> None:
        """SIGKILL: what is not on its disk is gone."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(timeout=PATIENCE)
        self.process = None

    def copy(self, to: Path) -> None:
        """What its disk holds now, as a replica that lags would have it."""
        shutil.copytree(self.data / "appendonlydir", to / "appendonlydir")

    def restore(self, older: Path) -> None:
        """The server that is stopped comes back with an older copy."""
        assert self.process is None
        shutil.rmtree(self.data / "appendonlydir")
        shutil.copytree(older / "appendonlydir", self.data / "appendonlydir")

    def empty(self) -> None:
        """The server that is stopped comes back with nothing."""
        assert self.process is None
        shutil.rmtree(self.data / "appendonlydir")

    def fill_disk(self) -> None:
        """From now on no file of it grows: the kernel refuses each write, as it does on a full disk."""
        assert self.process is not None
        resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))

    def free_disk(self) -> None:
        """There is room again."""
        assert self.process is not None
        resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    def follow(self, to: Path) -> None:
        """Starts a replica of it with a log in a folder, and waits until it has all that there is."""
        to.mkdir()
        port = free_port()
        self.set(port=port)
        self._replica = self._begin(self.folder / "replica.sock", to, "--replicaof", "127.0.0.1", str(port))
        self._await(self._replica, lambda: self._of_replica("INFO", "replication").get("master_link_status") == "up")

    def cut_replica(self) -> None:
        """The replica is a server of its own from now on: what comes later it does not have."""
        self._of_replica("REPLICAOF", "NO", "ONE")

    def _of_replica(self, *command: str) -> Any:
        try:
            with self.client_at("replica.sock") as client:
                return client.execute_command(*command)
        except redis.exceptions.RedisError:
            return {}

    def fail_over(self) -> None:
        """The server is killed, and its replica is reached in its place."""
        assert self._replica is not None
        self.kill()
        self.process, self._replica = self._replica, None
        with self.client_at("replica.sock") as client:
            self.data = Path(str(client.config_get("dir")["dir"]))
        (self.folder / "replica.sock").replace(self.folder / "redis.sock")

    def set(self, **settings: Any) -> None:
        """Changes settings while it runs; `maxmemory=1` is `CONFIG SET maxmemory 1`."""
        with self.client() as client:
            for name, value in settings.items():
                client.config_set(name.replace("_", "-"), value)

    def stop(self) -> None:
        """Ends it, and every client."""
        for bus in self.buses:
            bus.close()
        for process in filter(None, (self.process, self._replica)):
            process.send_signal(signal.SIGKILL)
            process.wait(timeout=PATIENCE)
        self.process = self._replica = None


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
