"""How soon does a workspace of a large repository stand, once an earlier attempt has fetched it?

Beside what a person would do: clone it from its server, and set it up.
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

from orchestrator.bench.result import Measurement, median
from orchestrator.bench.testbed import open_workspace
from sync.git import Git

RUNS = 3
MIB = 1024 * 1024
FILE_BYTES = 50_000
FILES_A_FOLDER = 100
MAX_SECONDS, MIN_TIMES = 3.0, 20.0
"""What is promised of a repository of 1,024 MiB."""
LINE = b"a line of a source file, as there are many in one\n"
CLONE_SECONDS = 1800.0


def measure_large_repository(mebibytes: int) -> list[Measurement]:
    """A made-up repository of files of 50 kB, half of them random, half text; it takes five times its size of disk."""
    with tempfile.TemporaryDirectory(prefix="shiftbook-bench-") as folder:
        root = Path(folder)
        url = str(_made(root / "server", mebibytes * MIB))
        took = []
        for _ in range(RUNS + 1):  # the first fetches it
            with tempfile.TemporaryDirectory(dir=root) as place:
                began = time.perf_counter()
                open_workspace(root / "home", url, Path(place))
                took.append(time.perf_counter() - began)
        ours = median(took[1:])
        plain, how = _plain_clone(url, root / "plain")
    return _results(mebibytes, ours, plain, how)


def _results(mebibytes: int, ours: float, plain: float, how: str) -> list[Measurement]:
    """`ours` and `plain` in seconds; `how` the plain clone was set up."""
    name = f"workspace of a fetched repository of {mebibytes:,} MiB"
    times = plain / ours
    return [
        Measurement(
            name=name,
            value=round(ours, 2),
            unit="s",
            bar=f"<= {MAX_SECONDS:g} s",
            met=ours <= MAX_SECONDS,
        ),
        Measurement(
            name=f"{name}, times as soon as {how}",
            value=round(times, 1),
            unit="x",
            bar=f">= {MIN_TIMES:g} x",
            met=times >= MIN_TIMES,
        ),
    ]


def _made(tree: Path, size: int) -> Path:
    chance = random.Random(1)  # noqa: S311  # content, no secret
    for number in range(max(1, size // FILE_BYTES)):
        place = tree / f"part-{number // FILES_A_FOLDER}" / f"{number}.txt"
        place.parent.mkdir(parents=True, exist_ok=True)
        text = f"{number}\n".encode() + LINE * (FILE_BYTES // len(LINE))
        place.write_bytes(chance.randbytes(FILE_BYTES) if number % 2 else text)
    git = Git(tree)
    git.run("init", "--quiet", "--template=", "--initial-branch=main")
    # Streamed into one pack, as a server keeps it.
    git.run("-c", "core.bigFileThreshold=1", "add", ".", timeout=CLONE_SECONDS)
    who = ("-c", "user.name=bench", "-c", "user.email=bench@shiftbook.invalid")
    git.run(*who, "commit", "--quiet", "--message=large", timeout=CLONE_SECONDS)
    return tree / ".git"


def _plain_clone(url: str, folder: Path) -> tuple[float, str]:
    """Seconds of a clone over git's own protocol and an environment of Python in it, once; and what it was."""
    able = find_spec("ensurepip") is not None
    began = time.perf_counter()
    Git(folder.parent).run("clone", "--quiet", "--no-local", "--", url, str(folder), timeout=CLONE_SECONDS)
    if able:
        words = [sys.executable, "-m", "venv", str(folder / ".venv")]
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL, timeout=CLONE_SECONDS)
    return time.perf_counter() - began, "a clone with its `python -m venv`" if able else "a clone"
