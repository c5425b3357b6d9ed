"""How does a machine join a ledger of many years, over the disk and over a line, and how is something found there?

The commands that people run, each a process of its own. What it costs is processor time, its git's with it and, over
a line, that of the server; the line is this machine's loopback, so how long bytes travel is not in it.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from orchestrator.bench.headquarters import cpu_seconds
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
        url = f"{node.listening()}/git/{ground.bare.name}"
        yield from _join(ground, "from headquarters' server", url, node.pid)
        yield from _thin_clones(ground, url, node.pid)


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
