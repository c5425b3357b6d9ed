"""How does a machine join a ledger of many years, over the disk and over a line, and how is something found there?

The commands that people run, each a process of its own. What it costs is processor time, its git's with it and, over
a line, that of the server. The line is this machine's loopback, so how long bytes travel is not in it; one row has a
limit of its own.
"""

from __future__ import annotations

import os
import resource
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from orchestrator.bench.headquarters import cpu_seconds, family_mib
from orchestrator.bench.result import Measurement, at_most
from orchestrator.bench.testbed import BenchSetup
from sync.git import Git
from sync.git_remote import FIRST_FETCH_TIMEOUT_SECONDS

FOUND = "old-7"
"""A finished mission's name, and a word that stands in one entry of the journal, an old one."""
ANYWHERE = "command"
"""A word of every entry: a first search has read the newest ones alone."""
COMMAND_TIMEOUT_SECONDS = 3600.0
MIB = 1024 * 1024
LINE_MBITS = 100
"""The line over which a machine joins."""
MBIT = 125_000
"""Bytes."""
PIECE_BYTES, ACCEPT_SECONDS = 64 * 1024, 0.2
MOST_MIB = 4096.0
MEMORY_EVERY_SECONDS = 0.5
LISTED_SECONDS, FIRST_SEARCH_SECONDS, WHOLE_JOURNAL_SECONDS, SEARCH_SECONDS = 2.0, 10.0, 120.0, 2.0
"""Bars, in seconds of processor time with Python's start."""
READ = {
    "mission list": LISTED_SECONDS,
    "mission list --status done": LISTED_SECONDS,
    f"mission show {FOUND}": LISTED_SECONDS,
    "memo list": LISTED_SECONDS,
    f"log show {FOUND}-1": LISTED_SECONDS,
    f"log search {FOUND}": SEARCH_SECONDS,
}
"""What is asked of a ledger, and how long it may take."""


@dataclass(frozen=True, kw_only=True)
class CommandCost:
    """What one command took: processor seconds with all below it, real seconds, exit code."""

    cpu: float
    seconds: float
    code: int


def joined(root: Path) -> Iterator[Measurement]:
    """`shiftbook join` and the node's first look, over the disk and from headquarters' own Git server; then what git's
    own thinner clones would cost over that line."""
    ground = BenchSetup(root)
    yield from _join(ground, "over the disk", str(ground.bare), None)
    with ground.serving(git=True) as node:
        url = node.repository()
        yield from _join(ground, "from headquarters' server", url, node.pid)
        yield from _thin_clones(ground, url, node.pid)


def joined_over_line(root: Path) -> Iterator[Measurement]:
    """`shiftbook join` from headquarters' own Git server over a line with a limit, and the node's first look: bytes,
    seconds, and the memory of either side."""
    ground = BenchSetup(root)
    with ground.serving(git=True) as node:
        address = urlsplit(node.repository())
        with slow_line(address.port or 0, LINE_MBITS * MBIT) as line, _new_folder(root / "joined") as folder:
            url = f"http://127.0.0.1:{line.port}{address.path}"
            environment = _environment(folder / "home", url)
            for what, words in {
                "joining": ["join", url, str(folder / "clone")],
                "first look": ["mission", "list"],
            }.items():
                before = line.brought
                with _peaks(node.pid) as peaks:
                    cost, served = _with_server(node.pid, environment, *words)
                over = f"{what} over {LINE_MBITS} Mbit/s"
                yield _took(over, cost, FIRST_FETCH_TIMEOUT_SECONDS)
                yield _lasted(f"{over}, by the clock", cost)
                yield at_most(f"{over}, brought", (line.brought - before) / MIB, "MiB", 4096)
                yield at_most(f"{over}, memory", peaks.here, "MiB", MOST_MIB)
                yield at_most(f"{over}, the server's part", served, "s of a core", FIRST_FETCH_TIMEOUT_SECONDS)
                yield at_most(f"{over}, the server's memory", peaks.server, "MiB", MOST_MIB)


@dataclass
class _Peaks:
    """The most memory, in MiB, that the processes below this one had, and those of the server."""

    here: float = 0.0
    server: float = 0.0


@contextmanager
def _peaks(server: int) -> Iterator[_Peaks]:
    found, over = _Peaks(), threading.Event()

    def look() -> None:
        while not over.wait(MEMORY_EVERY_SECONDS):
            found.server = max(found.server, family_mib(server))
            found.here = max(found.here, family_mib(os.getpid(), but=server) - own)

    own = family_mib(os.getpid(), but=server)
    watch = threading.Thread(target=look, daemon=True)
    watch.start()
    try:
        yield found
    finally:
        over.set()
        watch.join()


def searched(root: Path) -> Iterator[Measurement]:
    """What people ask of a ledger: each command twice, where the first time differs."""
    ground = BenchSetup(root)
    with _new_folder(root / "reader") as folder:
        environment = _environment(folder / "home", str(ground.bare))
        _command(environment, "join", str(ground.bare), str(folder / "clone"))  # brings it as the same files
        first = _command(environment, "log", "search", ANYWHERE)
        yield _took("log search, the first time", first, FIRST_SEARCH_SECONDS)
        whole = _command(environment, "log", "search", "--wait", FOUND)
        yield _took("log search --wait, then", whole, WHOLE_JOURNAL_SECONDS)
        for words, bar in READ.items():
            yield _took(words, _command(environment, *words.split()), bar)


def _join(ground: BenchSetup, how: str, url: str, server: int | None) -> Iterator[Measurement]:
    with _new_folder(ground.root / "joined") as folder:
        environment = _environment(folder / "home", url)
        cost, served = _with_server(server, environment, "join", url, str(folder / "clone"))
        yield _took(f"joining {how}", cost, FIRST_FETCH_TIMEOUT_SECONDS)
        yield _lasted(f"joining {how}, by the clock", cost)
        if server is not None:
            yield at_most(f"the server's part in joining {how}", served, "s", FIRST_FETCH_TIMEOUT_SECONDS)
        size = sum(path.stat().st_size for path in (folder / "clone").rglob("*") if path.is_file()) / MIB
        yield at_most(f"a clone that was made {how}, its files included", size, "MiB", 4096)
        looked, _ = _with_server(server, environment, "mission", "list")
        yield _took(f"the node's first look after joining {how}", looked, FIRST_FETCH_TIMEOUT_SECONDS)


def _thin_clones(ground: BenchSetup, url: str, server: int) -> Iterator[Measurement]:
    """What a node cannot live on, but a reader could: no texts, or no history."""
    Git(ground.bare).run("config", "uploadpack.allowFilter", "true")
    for name, option in {"without texts": "--filter=blob:none", "without history": "--depth=1"}.items():
        with _new_folder(ground.root / "thin") as folder:
            words = ("clone", "--quiet", "--bare", "--single-branch", option, url, str(folder / "clone.git"))
            before = cpu_seconds(server)
            cost = _timed(partial(_clone, folder, words))
            served = cpu_seconds(server) - before
            whole = CommandCost(cpu=cost.cpu + served, seconds=cost.seconds, code=cost.code)
            yield _took(
                f"a bare clone {name} ({option}), the server's part with it", whole, FIRST_FETCH_TIMEOUT_SECONDS
            )
            size = Git(folder / "clone.git").counted()["size-pack"] / 1024
            yield at_most(f"a bare clone {name}", size, "MiB", 4096)


def _with_server(server: int | None, environment: dict[str, str], *words: str) -> tuple[CommandCost, float]:
    """A command, and what the server used meanwhile."""
    before = cpu_seconds(server) if server is not None else 0.0
    cost = _command(environment, *words)
    return cost, (cpu_seconds(server) if server is not None else 0.0) - before


def _took(name: str, cost: CommandCost, bar: float) -> Measurement:
    found = at_most(name, cost.cpu, "s of a core", bar)
    return found if cost.code == 0 else Measurement(**(vars(found) | {"met": False, "name": f"{name}: it failed"}))


def _lasted(name: str, cost: CommandCost) -> Measurement:
    return at_most(name, cost.seconds, "s", FIRST_FETCH_TIMEOUT_SECONDS)


def _command(environment: dict[str, str], *words: str) -> CommandCost:
    def run() -> int:
        asked = [sys.executable, "-P", "-m", "orchestrator", *words]
        ended = subprocess.run(
            asked, env=environment, stdout=subprocess.DEVNULL, timeout=COMMAND_TIMEOUT_SECONDS, check=False
        )
        return ended.returncode

    return _timed(run)


def _clone(folder: Path, words: Sequence[str]) -> int:
    return Git(folder).call(*words, timeout=COMMAND_TIMEOUT_SECONDS, codes=range(256))[0]


def _timed(work: Callable[[], int]) -> CommandCost:
    """What the processes cost that some work starts and waits for; it returns the exit code."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    code = work()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return CommandCost(cpu=cpu, seconds=time.monotonic() - began, code=code)


def _environment(home: Path, ledger: str) -> dict[str, str]:
    """A machine that knows nothing yet, and works for this ledger."""
    ours = ("GIT_", "SHIFTBOOK_", "FACTORY_")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
    return kept | {"SHIFTBOOK_HOME": str(home), "SHIFTBOOK_LEDGER": ledger, "SHIFTBOOK_NODE_ID": "new"}


@contextmanager
def _new_folder(folder: Path) -> Iterator[Path]:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@dataclass(kw_only=True)
class SlowLine:
    """A relay to a server here, which counts. `rate` is bytes a second, each way; `brought` came from the server."""

    to: int
    rate: float
    port: int = 0
    brought: int = 0
    sent: int = 0
    _over: threading.Event = field(default_factory=threading.Event)
    _turn: threading.Lock = field(default_factory=threading.Lock)
    _free: dict[bool, float] = field(default_factory=lambda: {True: 0.0, False: 0.0})

    def serve(self, listening: socket.socket) -> None:
        """Takes callers until the line is taken down."""
        listening.settimeout(ACCEPT_SECONDS)
        with ExitStack() as opened:
            while not self._over.is_set():
                try:
                    caller, _ = listening.accept()
                except TimeoutError:
                    continue
                server = socket.create_connection(("127.0.0.1", self.to))
                for each in (caller, server):
                    each.settimeout(None)
                    opened.callback(_end, each)
                for pair, down in (((server, caller), True), ((caller, server), False)):
                    threading.Thread(target=self._carry, args=(*pair, down), daemon=True).start()

    def take_down(self) -> None:
        """Ends `serve`, and with it what is still carried."""
        self._over.set()

    def _carry(self, source: socket.socket, target: socket.socket, down: bool) -> None:
        with suppress(OSError):  # either side has gone, or the line was taken down
            while piece := source.recv(PIECE_BYTES):
                self._wait(len(piece), down)
                target.sendall(piece)
            target.shutdown(socket.SHUT_WR)

    def _wait(self, size: int, down: bool) -> None:
        """All callers share the line."""
        with self._turn:
            now = time.monotonic()
            self._free[down] = max(now, self._free[down]) + size / self.rate
            pause = self._free[down] - now
            self.brought += size * down
        time.sleep(pause)


@contextmanager
def slow_line(to: int, rate: float) -> Iterator[SlowLine]:
    """A line to a port of this machine, until the block is left."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        line = SlowLine(to=to, rate=rate, port=listening.getsockname()[1])
        thread = threading.Thread(target=line.serve, args=(listening,), daemon=True)
        thread.start()
        try:
            yield line
        finally:
            line.take_down()
            thread.join()


def _end(caller: socket.socket) -> None:
    with suppress(OSError):
        caller.shutdown(socket.SHUT_RDWR)
    caller.close()
