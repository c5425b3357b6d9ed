"""Does a node begin work of its own only when it is idle, and drop it in the round in which a mission comes?"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from orchestrator.core.ports.model import Stop
from orchestrator.core.roles import Role
from orchestrator.ledger.liveness import Liveness
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.node.background.idle_work import IDLE_SECONDS, REST_SECONDS, IdleWork
from orchestrator.node.precedence import Precedence
from sync.remote import RefUpdate
from tests.ledgers import Town, Working, working
from tests.orchestrator.workflow.heartbeat.turns import OPEN
from tests.waiting import PATIENCE, until


@dataclass
class Chore:
    """A task that does what the test says."""

    does: Callable[[Stop], str] = lambda _stop: ""
    name: str = "chore"
    shared: bool = False
    runs: list[str] = field(default_factory=list)

    def run(self, ledger: LedgerSnapshot, stop: Stop) -> str:
        """Does it."""
        self.runs.append(ledger.tip)
        return self.does(stop)


def idle(node: Working, *chores: Chore, role: Role = Role.LOCAL_WORKER) -> IdleWork:
    """The idle work of a whole node, in its loop."""
    precedence = Precedence(me=node.peer.name, role=role, liveness=Liveness())

    def tell(event: str, sentence: str, **_facts: object) -> None:
        node.told.append((event, sentence))

    node.node.idle = IdleWork(tasks=chores, jobs=node.node.jobs, precedence=precedence, tell=tell, clock=node.ticks)
    return node.node.idle


def finish(beside: IdleWork) -> None:
    """Waits until what was begun is done. `close` would drop it, also before its thread has come to run."""
    assert beside._thread is not None
    beside._thread.join(PATIENCE)
    assert not beside._thread.is_alive()


def test_it_waits_for_five_idle_minutes_and_rests_for_an_hour(tmp_path: Path) -> None:
    """A mission in between begins the minutes anew."""
    town = Town({"fleet.toml": OPEN})
    node, chore = working(town.peer("n1"), tmp_path), Chore()
    beside = idle(node, chore)
    node.settle()
    node.ticks.at += IDLE_SECONDS - 1
    node.settle()
    town.peer("anna").push({"missions/m.md": "Do it.\n"})
    node.settle()
    assert node.agent.jobs
    node.ticks.at += IDLE_SECONDS - 1
    node.settle()
    assert chore.runs == []
    node.ticks.at += 2
    node.settle()
    finish(beside)
    assert len(chore.runs) == 1
    node.ticks.at += REST_SECONDS - 10
    node.settle()
    assert len(chore.runs) == 1
    node.ticks.at += 20
    node.settle()
    finish(beside)
    assert len(chore.runs) == 2


def test_it_is_dropped_in_the_round_in_which_a_mission_comes(tmp_path: Path) -> None:
    """The mission is claimed as if nothing ran; what was dropped is begun anew, without an hour's rest."""
    town = Town({"fleet.toml": OPEN})
    node, begun, dropped = working(town.peer("n1"), tmp_path), threading.Event(), threading.Event()

    def long(stop: Stop) -> str:
        begun.set()
        until(stop.is_set)
        dropped.set()
        return ""

    after = Chore(name="after")
    chore = Chore(does=long)
    beside = idle(node, chore, after)
    node.settle()
    node.ticks.at += IDLE_SECONDS
    node.node.step()
    assert begun.wait(PATIENCE)
    town.peer("anna").push({"missions/m.md": "Do it.\n"})
    node.node.step()
    assert node.jobs
    assert dropped.wait(PATIENCE)
    assert ("idle", "dropped its own work: there is a mission") in node.told
    node.node.jobs.join(PATIENCE)  # a round before the mission's end moves nothing, and `settle` would end with it
    node.settle()
    beside.close()
    assert (node.jobs, after.runs) == ({}, [])
    chore.does = lambda _stop: "something"
    node.ticks.at += IDLE_SECONDS
    node.settle()
    finish(beside)
    assert (len(chore.runs), len(after.runs)) == (2, 1)
    assert ("idle", "of its own accord: something") in node.told


def test_what_one_does_for_all_is_left_to_the_first(tmp_path: Path) -> None:
    """Headquarters, where one lives; each node's own work is done by each."""
    town = Town({"fleet.toml": OPEN, "heartbeats/hq.md": "---\nrole: HEADQUARTERS\n---\n"})
    hq = town.peer("hq")
    beat = hq.bus.store.put("blob", b"shiftbook beat 1\n")
    hq.bus.remote.push([RefUpdate(ref="refs/shiftbook/beat/hq", expect=None, new=beat)])
    done = {}
    for name, role in (("n1", Role.LOCAL_WORKER), ("hq", Role.HEADQUARTERS)):
        node, own, shared = working(town.peer(name), tmp_path / name), Chore(), Chore(name="for all", shared=True)
        beside = idle(node, own, shared, role=role)
        node.settle()
        node.ticks.at += IDLE_SECONDS
        node.settle()
        finish(beside)
        done[name] = (len(own.runs), len(shared.runs))
    assert done == {"n1": (1, 0), "hq": (1, 1)}


def test_a_task_that_fails_is_told_and_the_others_go_on(tmp_path: Path) -> None:
    """The node works on."""

    def fails(_stop: Stop) -> str:
        raise OSError("no disk")

    town = Town({"fleet.toml": OPEN})
    node, other = working(town.peer("n1"), tmp_path), Chore()
    beside = idle(node, Chore(does=fails), other)
    node.settle()
    node.ticks.at += IDLE_SECONDS
    node.settle()
    finish(beside)
    assert ("idle", "chore: OSError: no disk") in node.told
    assert len(other.runs) == 1


@pytest.mark.parametrize("ending", ["drain", "close"])
def test_the_end_of_a_node_drops_it(tmp_path: Path, ending: str) -> None:
    """Nothing of it holds the end up."""
    town = Town({"fleet.toml": OPEN})
    node, stopped = working(town.peer("n1"), tmp_path), threading.Event()

    def long(stop: Stop) -> str:
        until(stop.is_set)
        stopped.set()
        return ""

    beside = idle(node, Chore(does=long))
    node.settle()
    node.ticks.at += IDLE_SECONDS
    node.node.step()
    if ending == "drain":
        node.node.drain()
        node.node.step()
    beside.close()
    assert stopped.is_set()
