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
from orchestrator.bench.testbed import make_spare, open_workspace
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
        _opened(root, url)  # fetches it
        made = [_opened(root, url) for _ in range(RUNS)]
        took = []
        for _ in range(RUNS):
            make_spare(root / "home")
            took.append(_opened(root, url))
        plain, how = _plain_clone(url, root / "plain")
    return _results(mebibytes, median(took), median(made), plain, how)


def _opened(root: Path, url: str) -> float:
    """Seconds until a workspace stood."""
    with tempfile.TemporaryDirectory(dir=root) as place:
        began = time.perf_counter()
        open_workspace(root / "home", url, Path(place))
        return time.perf_counter() - began


def _results(mebibytes: int, ours: float, made: float, plain: float, how: str) -> list[Measurement]:
    """Seconds: `ours` where one stood ready, `made` where none did, `plain` a clone by hand, with `how` it was set up.

    What holds where none stood ready is the baseline.
    """
    name, times, without = f"workspace of a fetched repository of {mebibytes:,} MiB", plain / ours, plain / made
    return [
        Measurement(
            name=f"{name} (baseline: none stood ready)",
            value=round(ours, 2),
            unit="s",
            baseline=round(made, 2),
            ratio=round(ours / made, 2),
            bar=f"<= {MAX_SECONDS:g} s",
            met=ours <= MAX_SECONDS,
        ),
        Measurement(
            name=f"{name}, times as soon as {how}",
            value=round(times, 1),
            unit="x",
            baseline=round(without, 1),
            ratio=round(times / without, 2),
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
