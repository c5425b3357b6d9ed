"""How fast and how cheap is the bus on this machine, against the plain way of doing the same with Git?

Each number stands beside a baseline that was measured in the same run, because disks and cores differ more than
programs do. A row is told as soon as it is measured.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from missions.spelling import instead_of
from orchestrator.bench import claiming, idle, long_life, noticing, redis_bus
from orchestrator.bench.growth import BEAT_SECONDS, OPEN_MISSIONS, first_look, large_ledger
from orchestrator.bench.result import Measurement
from orchestrator.bench.testbed import make_testbed
from orchestrator.core.errors import WrongSetting

Row = Callable[[Path], Iterable[Measurement]]
"""Measures in a new folder."""
ROWS: Mapping[str, Row] = {
    "eight-nodes": claiming.eight_nodes,
    "same-missions": claiming.same_missions,
    "hundred-git": partial(claiming.hundred_at_once, by_git=True),
    "hundred-local": partial(claiming.hundred_at_once, by_git=False),
    "batches": claiming.batches,
    "noticed": noticing.noticed,
    "served": noticing.served,
    "idle": idle.measure,
    "beats": idle.beats_grow,
    "finished": large_ledger,
}
"""By the name that `--only` takes."""
FINISHED_ROWS: Mapping[str, Row] = {
    "look": first_look,
    "join": long_life.joined,
    "line": long_life.joined_over_line,
    "search": long_life.searched,
}
"""The rows of a ledger with many finished missions, in its folder; before them "work", which makes it."""
WORK = "work"
SMALL = 10_000
"""Finished missions up to which a ledger has the lower bar."""


def measure(
    finished: int = 0, over: str = "git", postgres: str = "", only: Sequence[str] = (), kept: Path | None = None
) -> Iterable[Measurement]:
    """The promises of the bus, each as soon as it is measured; with `only`, some rows of them.

    With `finished`, how a ledger with so many finished missions does, which is made in the folder `kept` and left
    there, or taken from there. `over` is the bus that carries: git, or redis, which has promises of its own; one of
    them beside `postgres`, the address of a database. Raises WrongSetting.
    """
    if postgres and over != "redis":
        raise WrongSetting("--postgres", "it is compared with the Redis bus: add --bus redis")
    if kept is not None and not finished:
        raise WrongSetting("--in", "it keeps a ledger with finished missions: add --finished N")
    if over == "redis":
        if only or finished:
            raise WrongSetting("--bus", "over Redis it has rows of its own: leave --only and --finished out")
        return redis_bus.measure(postgres)
    known = [WORK, *FINISHED_ROWS] if finished else list(ROWS)
    unknown = next((name for name in only if name not in known), None)
    if unknown is not None:
        raise WrongSetting("--only", f"there is no row “{unknown}”: {instead_of(unknown, known)}")
    chosen = [name for name in known if not only or name in only]
    return _years(finished, kept, chosen) if finished else _measured(chosen)


def _measured(chosen: Sequence[str]) -> Iterator[Measurement]:
    with tempfile.TemporaryDirectory(prefix="shiftbook-bench-") as folder:
        for name in chosen:
            yield from ROWS[name](Path(folder) / name)


def _years(count: int, kept: Path | None, chosen: Sequence[str]) -> Iterator[Measurement]:
    with tempfile.TemporaryDirectory(prefix="shiftbook-bench-") as folder:
        root = kept or Path(folder)
        large = root / "large"
        if large.exists():
            chosen = [name for name in chosen if name != WORK]  # what is done in it was done when it was made
        elif WORK in chosen:
            yield from large_ledger(root, count, bar=1.1 if count <= SMALL else 1.3)
        else:
            make_testbed(large, missions=OPEN_MISSIONS, finished=count, beat=BEAT_SECONDS)
        for name in chosen:
            if name != WORK:
                yield from FINISHED_ROWS[name](large)
