"""Does a node take its turns when they come, leave the fleet's to those before it, and never hold its loop up?"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from orchestrator.core.roles import Role
from orchestrator.ledger.liveness import Liveness
from orchestrator.node.background.heartbeat_turns import RETRY_SECONDS, HeartbeatTurns
from orchestrator.node.precedence import HQ_LOOK_SECONDS, Precedence
from orchestrator.policy.turn_order import MAX_STEP_SECONDS
from orchestrator.workflow.heartbeat.turn import TurnReport
from sync.remote import RefUpdate
from tests.ledgers import Peer, Ticks, Town
from tests.orchestrator.workflow.heartbeat.turns import OPEN
from tests.waiting import PATIENCE


@dataclass
class Taken:
    """Turns that a test counts."""

    runs: list[bool] = field(default_factory=list)
    report: TurnReport = field(default_factory=TurnReport)
    fails: int = 0
    gate: threading.Event = field(default_factory=threading.Event)

    def run(self, *, shared: bool, silent: Mapping[str, float]) -> TurnReport:
        """Takes one."""
        self.runs.append(shared)
        assert self.gate.wait(PATIENCE)
        if self.fails:
            self.fails -= 1
            raise OSError("cut")
        return self.report


@dataclass(kw_only=True)
class Beside:
    """A node's turns, and the rounds of its loop."""

    peer: Peer
    turns: HeartbeatTurns
    taken: Taken
    ticks: Ticks
    told: list[tuple[str, str]]

    def rounds(self, number: int = 4) -> list[bool]:
        """The turns that so many rounds of the loop take."""
        before = len(self.taken.runs)
        for _ in range(number):
            self.turns.step(self.peer.ledger())
            if self.taken.gate.is_set():
                self.turns.close()
        return self.taken.runs[before:]


def beside(town: Town, name: str = "n1", role: Role = Role.LOCAL_WORKER) -> Beside:
    """A node in a town."""
    taken, ticks, told = Taken(), Ticks(), list[tuple[str, str]]()
    taken.gate.set()

    def tell(event: str, sentence: str, **_facts: object) -> None:
        told.append((event, sentence))

    peer = town.peer(name)
    turns = HeartbeatTurns(
        turn=taken,
        precedence=Precedence(me=name, role=role, liveness=Liveness()),
        tell=tell,
        clock=ticks,
        now=town.clock,
    )
    return Beside(peer=peer, turns=turns, taken=taken, ticks=ticks, told=told)


LINES = {"fleet.toml": OPEN, "HEARTBEAT.md": "## Daily\n- disk\n"}


def test_a_turn_is_taken_once_in_its_time() -> None:
    """Its own and, alone in the fleet, everybody's; again half an hour later."""
    town = Town(LINES)
    node = beside(town)
    assert node.rounds() == [False, True]
    town.clock.forward(1799)
    assert node.rounds() == []
    town.clock.forward(1)
    assert node.rounds() == [False, True]


def test_a_worker_leaves_the_fleets_turn_to_headquarters() -> None:
    """For two looks and a step; its own it takes at once. Headquarters waits for nobody."""
    town = Town(LINES | {"heartbeats/hq.md": "---\nrole: HEADQUARTERS\n---\n"})
    node, hq = beside(town), beside(town, "hq", Role.HEADQUARTERS)
    for name in ("hq", "n1"):
        beat = hq.peer.bus.store.put("blob", f"shiftbook beat 1 {name}\n".encode())
        hq.peer.bus.remote.push([RefUpdate(ref=f"refs/shiftbook/beat/{name}", expect=None, new=beat)])
    assert node.rounds() == [False]
    assert hq.rounds() == [False, True]
    node.ticks.at += 2 * HQ_LOOK_SECONDS + MAX_STEP_SECONDS
    assert node.rounds() == [True]


def test_without_a_checklist_nothing_is_done() -> None:
    """Nor outside of the active hours."""
    assert beside(Town({"fleet.toml": OPEN})).rounds() == []
    night = OPEN + '[heartbeat]\nactive = "22:00-07:00"\n'
    assert beside(Town(LINES | {"fleet.toml": night})).rounds() == []


def test_a_turn_that_hangs_holds_nothing_up() -> None:
    """The loop goes on; there are never two at once."""
    town = Town(LINES)
    node = beside(town)
    node.taken.gate.clear()
    assert node.rounds(10) == [False]
    node.taken.gate.set()
    node.turns.close()
    assert node.rounds() == [True]


def test_a_turn_that_fails_is_taken_again() -> None:
    """After a pause, and it is told."""
    node = beside(Town(LINES))
    node.taken.fails = 1
    assert node.rounds() == [False, True]
    assert node.told == [("heartbeat", "the turn failed, and is taken again: OSError: cut")]
    node.ticks.at += RETRY_SECONDS
    assert node.rounds() == [False]


def test_what_is_news_is_told_and_nothing_else() -> None:
    """Findings and missions of a turn whose record was moved; a turn that came second, or found nothing, is silent."""
    node = beside(Town(LINES))
    node.rounds()
    assert node.told == []
    node.taken.report = TurnReport(
        told=("it rains",), missions=("heartbeat-x",), problems=("line 3: what?",), pushed=True
    )
    node.turns.now = lambda: node.peer.bus.now().replace(hour=15)
    node.rounds(1)
    assert node.told == [
        ("heartbeat", "line 3: what?"),
        ("found", "it rains"),
        ("filed", "heartbeat-x: HEARTBEAT.md asks for it"),
    ]


def test_what_is_held_back_is_told_also_where_no_record_moved() -> None:
    """A question that the day's budget does not let be asked stays due: there is nothing to push, and it is told."""
    node = beside(Town(LINES))
    node.taken.report = TurnReport(held=("line 3: the day's budget for missions is spent",))
    node.rounds(1)
    assert node.told == [("heartbeat", "line 3: the day's budget for missions is spent")]
