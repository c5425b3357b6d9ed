"""Nodes die at random moments; nothing is lost and nothing counts twice."""

from __future__ import annotations

import random
import re
import time
from collections import Counter

import pytest

from tests.acceptance.fleets import Fleet, command

NODES = ("north", "south", "west")
SEED = 20261121
LONG = 3000
"""Seconds in which all must have ended: for a machine that is busy with other things, no promise of speed."""


def _start(fleet: Fleet, node: str) -> None:
    fleet.start(node, FACTORY_ROLE="HEADQUARTERS" if node == NODES[0] else "LOCAL_WORKER")


@pytest.mark.timeout(2 * LONG)
@pytest.mark.parametrize(
    ("missions", "kills"), [(6, 3), pytest.param(60, 30, marks=pytest.mark.nightly)], ids=["few", "many"]
)
def test_missions_survive_three_nodes_that_are_killed_again_and_again(fleet: Fleet, missions: int, kills: int) -> None:
    """Every mission has exactly one accepted result, none is lost, and the shared repository is sound.

    All but the last of the killed come back and go on with what is theirs; the last stays dead until the others have
    taken its work over.
    """
    chance = random.Random(SEED)
    fleet.beat, fleet.lease = 3.0, 9.0  # on a busy machine nobody who lives is to be taken for dead
    fleet.found(*NODES)
    names = [f"job-{n:02d}" for n in range(missions)]
    fleet.commit(
        {f"missions/{n}.md": command(f"sleep {chance.uniform(0, 0.6):.2f}; echo {n}", max_retries=50) for n in names}
    )
    for node in NODES:
        _start(fleet, node)
    dead = chance.choice(NODES)
    for left in reversed(range(kills)):
        time.sleep(chance.uniform(0.5, 2.0))
        dead = chance.choice(NODES)
        fleet.kill(dead)
        time.sleep(chance.uniform(0, 1.0))
        if left:
            _start(fleet, dead)

    def finished() -> bool:
        archive = fleet.git("ls-tree", "-r", "--name-only", "main", "--", "missions/archive", folder=fleet.bare)
        return sum(line.endswith(".md") for line in archive.splitlines()) == missions

    fleet.wait(f"all missions end (seed {SEED})", finished, seconds=LONG)
    _start(fleet, dead)
    for node in NODES:
        fleet.ready(node)
        assert fleet.stop(node, timeout=LONG) == 0, fleet.words()

    listed = fleet.missions()
    assert {name: listed[name]["status"] for name in names} == dict.fromkeys(names, "done"), fleet.words()
    texts = {name: fleet.show(name)["text"] for name in names}
    accepted = Counter(
        {name: len(re.findall(r"^### Attempt \d+ · done ·", text, re.M)) for name, text in texts.items()}
    )
    assert accepted == dict.fromkeys(names, 1)
    log = fleet.git("show", "main:SESSION_LOG.md", folder=fleet.bare)
    done = Counter(re.findall(r"<!-- entry: (job-\d\d)-\d+ -->", log))
    assert done.keys() == set(names)
    assert fleet.git("fsck", "--strict", "--no-dangling", folder=fleet.bare) == ""
    assert fleet.git("for-each-ref", "refs/shiftbook/claim", folder=fleet.bare) == ""
