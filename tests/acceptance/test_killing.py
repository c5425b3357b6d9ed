"""Nodes die at random moments; nothing is lost and nothing counts twice."""

from __future__ import annotations

import random
import re
import time
from collections import Counter

import pytest

from tests.acceptance.fleets import Fleet, command

NODES = ("north", "south", "west")
MISSIONS = 30


@pytest.mark.parametrize("seed", [20261121])
def test_thirty_missions_survive_three_nodes_that_are_killed_again_and_again(fleet: Fleet, seed: int) -> None:
    """Every mission has exactly one accepted result, none is lost, and the shared repository is sound."""
    chance = random.Random(seed)
    fleet.found(*NODES)
    names = [f"job-{n:02d}" for n in range(MISSIONS)]
    fleet.commit(
        {f"missions/{n}.md": command(f"sleep {chance.uniform(0, 0.6):.2f}; echo {n}", max_retries=50) for n in names}
    )
    for node in NODES:
        fleet.start(node, FACTORY_ROLE="HEADQUARTERS" if node == "north" else "LOCAL_WORKER")
    deadline, kills = time.monotonic() + 150, 0
    while time.monotonic() < deadline and kills < 12:
        time.sleep(chance.uniform(0.5, 2.0))
        node = chance.choice(NODES)
        fleet.kill(node)
        kills += 1
        time.sleep(chance.uniform(0, 1.0))
        fleet.start(node, FACTORY_ROLE="HEADQUARTERS" if node == "north" else "LOCAL_WORKER")

    def finished() -> bool:
        archive = fleet.git("ls-tree", "-r", "--name-only", "main", "--", "missions/archive", folder=fleet.bare)
        return sum(line.endswith(".md") for line in archive.splitlines()) == MISSIONS

    fleet.wait(f"all missions end (seed {seed}, {kills} kills)", finished, seconds=150)
    for node in NODES:
        fleet.ready(node)
        assert fleet.stop(node) == 0, fleet.words()

    missions = fleet.missions()
    assert {name: missions[name]["status"] for name in names} == dict.fromkeys(names, "done"), fleet.words()
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
