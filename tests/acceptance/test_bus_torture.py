"""The ledger has each mission once, whatever becomes of the Redis server that carries it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.bus_torture import FAULTS, BusTorture, findings
from tests.redis_server import redis_server


def torture(seed: int, missions: int, faults: int, folder: Path | None = None) -> BusTorture:
    """One run, after which the checker has looked."""
    with redis_server() as server:
        run = BusTorture(server=server, seed=seed, missions=missions, faults=faults, folder=folder)
        try:
            run.run()
        finally:
            run.close()
        assert findings(run.hq, run.names) == []
    return run


def test_nothing_is_lost_or_doubled() -> None:
    """Killed, failed over to an older copy, emptied, full, stopped; workers and recorder gone: once each."""
    run = torture(seed=1, missions=30, faults=len(FAULTS))
    assert set(run.happened) >= set(FAULTS)
    assert sum(run.done.values()) >= 30


def test_the_checker_finds_what_is_lost_and_doubled() -> None:
    """A ledger that lacks one, has one open, and one with two results."""
    with redis_server("--appendonly", "no") as server:
        run = BusTorture(server=server, seed=2, missions=3, faults=0)
        run.run()
        assert findings(run.hq, run.names) == []
        (path,) = run.hq.archived_paths("m0")
        text = run.hq.text(path)
        run.person.push({path: text + text[text.index("### Attempt") :], "missions/m9.md": "Do it.\n"})
    assert findings(run.hq, [*run.names, "m7"]) == ["m9 is still open", "m0 has 2 results", "m7 is lost"]


@pytest.mark.nightly
@pytest.mark.parametrize("seed", range(6))
def test_nothing_is_lost_or_doubled_in_a_real_repository(seed: int, tmp_path: Path) -> None:
    """The long form: three hundred missions, five rounds of every fault, on git."""
    run = torture(seed=seed, missions=300, faults=5 * len(FAULTS), folder=tmp_path)
    run.town.close()
    assert set(run.happened) >= set(FAULTS)
