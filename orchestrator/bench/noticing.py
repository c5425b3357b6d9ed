"""How soon is a mission noticed, and begun with, that a person has just pushed?"""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from pathlib import Path

from orchestrator.bench.result import Measurement, at_most, median
from orchestrator.bench.testbed import make_testbed

WARM_UP_ROUNDS = 2


def noticed(root: Path, rounds: int = 9) -> Iterator[Measurement]:
    """From the moment a person's push has returned until the claim stands, beside a bare push and fetch."""
    ground = make_testbed(root, missions=0)
    ours, bare = [], []
    with ground.serving() as node:
        for turn in range(rounds):
            node.calm()
            began = ground.push_mission(f"job-{turn}")
            ours.append(node.claimed(f"job-{turn}") - began)
    for turn in range(rounds):
        bare.append(ground.bare_push_and_fetch(f"plain-{turn}"))
    value, baseline = median(ours) * 1000, median(bare) * 1000
    yield Measurement(
        name="mission pushed until claimed, nudged",
        value=round(value, 1),
        unit="ms",
        baseline=round(baseline, 1),
        ratio=round(value / baseline, 2),
        bar="<= 1.3 x a bare push and fetch",
        met=value <= 1.3 * baseline,
    )


def served(root: Path, rounds: int = 20) -> Iterator[Measurement]:
    """From the moment a person's push to headquarters' own Git server begins until its node starts the mission."""
    ground, took = make_testbed(root, missions=0), list[float]()
    with ground.serving(git=True) as node:
        ground.clone().config({"remote.origin.url": node.repository()})
        for turn in range(rounds + WARM_UP_ROUNDS):
            node.calm()
            began = ground.push_beginning(f"job-{turn}")
            took.append(node.started(f"job-{turn}") - began)
    p95 = statistics.quantiles(took[WARM_UP_ROUNDS:], n=20)[-1]
    yield at_most("a push to HQ's own Git server until it is started, 95th percentile", p95, "s", 1.0)
