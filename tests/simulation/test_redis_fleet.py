"""A fleet on the bus beside the ledger, in virtual time: nothing is lost or doubled, and more nodes ask more often."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from click.testing import CliRunner

from tests.simulation.redis_fleet import Costs, RedisFigures, RedisFleet, RedisScenario, command

CALM = RedisScenario(nodes=20, missions=40, seconds=60, work_seconds=5, fail=0, gone=0)


def played(plan: RedisScenario) -> tuple[RedisFigures, list[str]]:
    """A scenario that has been played to its end."""
    fleet = RedisFleet(plan)
    figures = fleet.run()
    return figures, fleet.problems()


def test_every_mission_is_done_once_and_soon() -> None:
    """With nothing broken, and more workers than missions: claimed within a second, recorded by the next round."""
    figures, problems = played(CALM)
    assert problems == []
    assert (figures.taken_over, figures.done_twice) == (0, 0)
    assert figures.claimed["max"] < 1.2
    assert figures.on_the_branch["p95"] < 4


def test_the_same_seed_is_the_same_run() -> None:
    """To the last figure."""
    assert played(CALM) == played(CALM)
    assert played(CALM) != played(replace(CALM, seed=2))


def test_nodes_that_are_lost_cost_a_lease_and_no_mission() -> None:
    """A quarter of the fleet is gone with what it holds, one attempt in ten fails."""
    figures, problems = played(replace(CALM, gone=0.25, fail=0.1, work_seconds=20, lease=10))
    assert problems == []
    assert figures.taken_over > 0


def test_a_server_that_is_too_slow_is_seen_in_the_waits() -> None:
    """Of the same fleet on a server that takes a thousand times as long."""
    quick, _ = played(CALM)
    slow, problems = played(replace(CALM, costs=Costs(claim_nothing=0.05, claim=0.05)))
    assert problems == []
    assert slow.redis_busy > 20 * quick.redis_busy
    assert slow.claimed["p95"] > quick.claimed["p95"]


def test_what_an_idle_node_costs_does_not_grow_with_what_it_looks_for() -> None:
    """It asks once a second for a mission, and eight times a lease for those of the silent."""
    fleet = RedisFleet(replace(CALM, missions=1, nodes=10, seconds=120))
    fleet.rng.uniform = lambda low, high: high  # type: ignore[method-assign, assignment]
    fleet.run()
    claims, looks = fleet.bus.questions["claim"], fleet.bus.questions["take_over"]
    assert claims == pytest.approx(10 * fleet.now, rel=0.2)
    assert looks < 10 * 9 * fleet.now / fleet.plan.lease


def test_the_command_prints_its_figures() -> None:
    """As JSON; the exit code says whether the ledger has each mission once."""
    said = CliRunner().invoke(command, ["--nodes", "5", "--missions", "4", "--seconds", "10", "--work-seconds", "1"])
    assert said.exit_code == 0, said.output
    told = json.loads(said.output)
    assert (told["nodes"], told["missions"], told["problems"]) == (5, 4, [])
