"""How soon after a person's push does an agent at a project that was worked on before print its first byte?

The agent is a process in the sandbox, in a workspace of its own, at a running headquarters whose own Git server takes
the push. What the same line takes alone is measured in the same rounds and taken off: that is the agent's own start.
"""

from __future__ import annotations

import statistics
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from orchestrator.bench.result import Measurement, median
from orchestrator.bench.testbed import TIMEOUT_SECONDS, make_testbed
from orchestrator.execution.workspace.attempt_dirs import AttemptDirs
from sync.git import Git

ROUNDS, WARM_UP_ROUNDS = 20, 3
"""The first rounds fetch the project and load what a node has not needed before."""
MAX_SECONDS = 1.0
FILES = 200
LINE = "echo ready"
MISSION = f"---\nagent: command\nproject: shop\nrun: '{LINE}'\n---\nSay that you are ready.\n"
FLEET = '\n[projects.shop]\nurl = "{url}"\n'


def measure_first_byte(root: Path, rounds: int = ROUNDS) -> Iterator[Measurement]:
    """From the beginning of the push; the 95th percentile, less the median of the agent's own start."""
    server = _project(root / "shop.git")
    ground = make_testbed(root / "fleet", missions=0, fleet=FLEET.format(url=server))
    folders, took, alone = AttemptDirs(ground.root / "home" / "work"), list[float](), list[float]()
    with ground.serving(git=True) as node:
        ground.clone().config({"remote.origin.url": node.repository()})
        for turn in range(rounds + WARM_UP_ROUNDS):
            node.calm()
            name = f"job-{turn}"
            began = ground.push_beginning(name, MISSION.encode())
            took.append(_first_byte(folders.of(name, 1) / "output.log") - began)
            alone.append(_alone(root / f"alone-{turn}"))
    yield _row(took[WARM_UP_ROUNDS:], median(alone[WARM_UP_ROUNDS:]))


def _row(took: list[float], own: float) -> Measurement:
    """Seconds of two rounds or more, and of the agent alone."""
    beyond = statistics.quantiles(took, n=20)[-1] - own
    return Measurement(
        name="a push until the first byte of an agent at a warm project, 95th percentile, beyond the agent's own start",
        value=round(beyond, 3),
        unit="s",
        baseline=round(own, 3),
        ratio=round(beyond / own, 1),
        bar=f"<= {MAX_SECONDS:g} s",
        met=beyond <= MAX_SECONDS,
    )


def _first_byte(path: Path) -> float:
    """Waits until something stands in a file; the monotonic time at which that was seen. Raises TimeoutError."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not (path.exists() and path.stat().st_size):
        if time.monotonic() > deadline:
            raise TimeoutError(f"nothing came to {path}")
        time.sleep(0.001)
    return time.monotonic()


def _alone(path: Path) -> float:
    """Seconds until the same line's first byte, without a node around it."""
    began = time.monotonic()
    with path.open("wb") as out, subprocess.Popen(["/bin/sh", "-c", LINE], stdout=out):
        return _first_byte(path) - began


def _project(bare: Path) -> Path:
    tree = bare.with_suffix("")
    tree.mkdir(parents=True)
    git = Git(tree)
    git.run("init", "--quiet", "--template=", "--initial-branch=main")
    for number in range(FILES):
        (tree / f"{number}.txt").write_text(f"file {number}\n" * 40)
    git.run("add", ".")
    git.run("-c", "user.name=bench", "-c", "user.email=bench@shiftbook.invalid", "commit", "--quiet", "-m", "a project")
    git.run("clone", "--quiet", "--bare", "--template=", "--", str(tree), str(bare))
    return bare
