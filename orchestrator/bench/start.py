"""How much processor time do commands take from their start to their end, beside loading click and rich?

And how soon after a push does an agent print its first byte?
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from orchestrator.bench.first_byte import measure_first_byte
from orchestrator.bench.large_repository import measure_large_repository
from orchestrator.bench.result import Measurement, median
from orchestrator.bench.testbed import make_testbed

RUNS = 7
"""Runs of each command, by turns: a busy machine slows all of them alike."""
BASELINE = ("-P", "-c", "import click, rich")
MISSIONS = 1000
BARS = {
    "--version": 1.5,
    "--help": 1.5,
    "mission --help": 1.5,
    "mission list --help": 1.9,
    "mission chat --help": 2.0,
    f"mission list, {MISSIONS:,} missions": 5.4,
    f"mission show job-5, {MISSIONS:,} missions": 5.4,
    f"inbox, {MISSIONS:,} missions": 6.2,
    f"fleet, {MISSIONS:,} missions": 6.0,
    f"memo list, {MISSIONS:,} missions": 6.5,
}
"""What a command may take at most, in times of the baseline: a little more than it takes today on a busy machine. The
baseline takes 35 to 53 ms on a quiet one, so 5.6 of it are 200 to 300 ms. No help is heavier than `mission chat`'s."""


def measure(repository_mib: int = 0) -> Iterator[Measurement]:
    """Each command beside a Python that loads click and rich and ends, and an agent's first byte after a push; with a
    size, workspaces of such a repository alone."""
    if repository_mib:
        yield from measure_large_repository(repository_mib)
        return
    yield from _commands()
    with tempfile.TemporaryDirectory(prefix="shiftbook-bench-") as folder:
        yield from measure_first_byte(Path(folder))


def _commands() -> list[Measurement]:
    with tempfile.TemporaryDirectory(prefix="shiftbook-bench-") as folder:
        root = Path(folder) / "ledger"
        ground = make_testbed(root, missions=MISSIONS)
        env = {**os.environ, "SHIFTBOOK_HOME": str(Path(folder) / "home"), "SHIFTBOOK_LEDGER": str(ground.bare)}
        env["PYTHONPYCACHEPREFIX"] = str(Path(folder) / "compiled")  # as for a user, whatever is set here
        env.pop("PYTHONDONTWRITEBYTECODE", None)
        for name in (None, *BARS):  # the first run of each compiles, and fetches
            cpu_milliseconds(_words(name), env)
        took: dict[str, list[float]] = {name: [] for name in BARS}
        baseline = []
        for _ in range(RUNS):
            baseline.append(cpu_milliseconds(_words(None), env))
            for name, times in took.items():
                times.append(cpu_milliseconds(_words(name), env))
    return [_compared(name, median(times), median(baseline)) for name, times in took.items()]


def _words(name: str | None) -> tuple[str, ...]:
    """What Python is started with: a command, or None for the baseline."""
    return BASELINE if name is None else ("-P", "-m", "orchestrator", *name.partition(",")[0].split())


def cpu_milliseconds(words: tuple[str, ...], env: Mapping[str, str]) -> float:
    """Processor time, user and system, that Python with these words takes, and what it starts and waits for."""
    process = subprocess.Popen([sys.executable, *words], env=env, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, words)
    return (used.ru_utime + used.ru_stime) * 1000


def _compared(name: str, value: float, baseline: float) -> Measurement:
    bar = BARS[name]
    return Measurement(
        name=f"shiftbook {name}",
        value=round(value, 1),
        unit="ms",
        baseline=round(baseline, 1),
        ratio=round(value / baseline, 2),
        bar=f"<= {bar:g} x loading click and rich",
        met=value <= bar * baseline,
    )
