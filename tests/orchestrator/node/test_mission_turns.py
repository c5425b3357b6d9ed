"""Do many nodes that want the same missions get out of each other's way, and is each mission taken, whoever is dead?"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import pytest

from missions.selection import NodeCapabilities
from orchestrator.core.roles import Role
from orchestrator.ledger.liveness import Liveness
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.ledger.transport import BEAT
from orchestrator.node import mission_turns
from orchestrator.node.mission_turns import MissionTurns
from orchestrator.node.precedence import Precedence
from orchestrator.node.scheduler import Scheduler
from orchestrator.policy import turn_order
from orchestrator.policy.turn_order import MAX_TURNS, mission_subject, places
from sync.latency import LatencyMeter
from sync.remote import PushVerdict, RefUpdate
from tests.ledgers import Peer, Town, intake_of

STEP = 0.1
ANSWER = 0.04
"""Seconds that a push usually takes: whoever looks later sees it. A step is what almost every push takes."""
NODES = tuple(f"node-{number}" for number in range(8))
Text = Callable[[int], str]


def same_priority(_number: int) -> str:
    return "---\ntitle: m\n---\nDo it.\n"


def mixed_priority(number: int) -> str:
    return f"---\ntitle: m\npriority: {number % 10}\n---\nDo it.\n"


@dataclass
class Fleet:
    """Nodes that all look at the same moments, each with its own clock, and hold all that they win."""

    town: Town
    dead: Collection[str] = ()
    skew: Mapping[str, float] = field(default_factory=dict)
    nodes: dict[str, tuple[Peer, Scheduler]] = field(default_factory=dict)
    won: Counter[str] = field(default_factory=Counter)
    pushes: int = 0
    lost: int = 0

    def __post_init__(self) -> None:
        for name in NODES:
            peer = self.town.peer(name)
            blob = peer.bus.store.put("blob", b"shiftbook beat 1\n")
            peer.bus.remote.push([RefUpdate(ref=BEAT + name, expect=None, new=blob)])
            meter, liveness = LatencyMeter(), Liveness()
            for _ in range(200):
                meter.answered(STEP)
            precedence = Precedence(me=name, role=Role.LOCAL_WORKER, liveness=liveness, pushes=meter)
            self._count(peer)
            if name not in self.dead:
                self.nodes[name] = (peer, intake_of(peer, liveness=liveness, precedence=precedence))

    def _count(self, peer: Peer) -> None:
        push = peer.line.remote.push

        def counted(updates: Sequence[RefUpdate], *, atomic: bool = False) -> Mapping[str, PushVerdict]:
            verdicts = push(updates, atomic=atomic)
            self.pushes += 1
            self.lost += PushVerdict.STALE in verdicts.values()
            return verdicts

        peer.line.remote.push = counted  # type: ignore[method-assign]

    def look(self, now: float, chance: random.Random) -> int:
        """All look at one moment and then ask in any order, each by what it saw; how many missions nobody holds yet."""
        seen = {name: peer.ledger() for name, (peer, _) in self.nodes.items()}
        for name in chance.sample(sorted(self.nodes), len(self.nodes)):
            peer, scheduler = self.nodes[name]
            scheduler.observe(seen[name], now + self.skew.get(name, 0.0))
            self.won[name] += len(scheduler.claim(seen[name], 1))
            del peer
        ledger = next(iter(self.nodes.values()))[0].ledger()
        return len(ledger.open.keys() - ledger.claims.keys())

    def work(self, *, every: float = STEP, looks: int = 2000) -> int:
        """Looks again and again, so many seconds apart, until nothing is left; how often."""
        chance = random.Random(1)
        for turn in range(looks):
            if not self.look(1000 + turn * every, chance):
                return turn + 1
        raise AssertionError(f"missions are left after {looks} looks")


def town_of(missions: int, text: Text = same_priority) -> Town:
    pages = {f"heartbeats/{name}.md": "---\nrole: LOCAL_WORKER\nagents: builtin\nslots: 999\n---\n" for name in NODES}
    return Town(pages | {f"missions/m{number:03d}.md": text(number) for number in range(missions)})


@pytest.mark.parametrize("text", [same_priority, mixed_priority])
def test_eight_nodes_that_want_the_same_missions_seldom_meet(text: Text) -> None:
    """200 missions, all nodes look at the same moments: at most 3 of 100 pushes lose a race, and all have work."""
    fleet = Fleet(town_of(200, text), skew={"node-1": 1e9, "node-2": -900.0})
    fleet.work(every=ANSWER)
    assert sum(fleet.won.values()) == 200
    assert fleet.lost <= 0.03 * fleet.pushes
    assert min(fleet.won.values()) > 12


def test_without_turns_they_meet_all_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the order is for: if everybody is the first for everything, most pushes lose."""
    monkeypatch.setattr(Precedence, "place", lambda *_: 0)
    fleet = Fleet(town_of(40))
    fleet.work()
    assert fleet.lost > 0.6 * fleet.pushes


def leave_all(fleet: Fleet) -> None:
    """The first node claims everything and dies; the others look on until nothing of it is left."""
    peer, scheduler = fleet.nodes.pop(NODES[0])
    ledger = peer.ledger()
    scheduler.precedence.at_once = True
    scheduler.observe(ledger, 0.0)
    assert len(scheduler.claim(ledger, 999)) == len(ledger.open)
    fleet.pushes = fleet.lost = 0
    lease, chance, now = ledger.charter.bus.lease, random.Random(1), 1000.0
    for looked in range(2000):
        seen = {name: peer.ledger() for name, (peer, _) in fleet.nodes.items()}
        if all(held.claim.epoch == 2 for held in seen[NODES[1]].claims.values()):
            return
        now += lease / 4 if looked < 5 else ANSWER
        for name in chance.sample(sorted(fleet.nodes), len(fleet.nodes)):
            scheduler = fleet.nodes[name][1]
            scheduler.observe(seen[name], now)
            fleet.won[name] += len(scheduler.take_over(seen[name], 999))
    raise AssertionError("some are still the dead node's")


def test_nodes_that_take_over_the_same_missions_take_turns() -> None:
    """Seven nodes see at the same look that the eighth is gone: they share what it held, and seldom lose a push."""
    fleet = Fleet(town_of(40))
    leave_all(fleet)
    assert sum(fleet.won.values()) == 40
    assert fleet.lost <= 0.05 * fleet.pushes


def test_without_turns_they_all_take_over_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What turns are for there, too."""
    monkeypatch.setattr(MissionTurns, "is_due", lambda *_: True)
    fleet = Fleet(town_of(10))
    leave_all(fleet)
    assert fleet.lost > 0.6 * fleet.pushes


def test_a_dead_node_in_front_costs_a_step_and_no_lease() -> None:
    """Half of the fleet has died or lies: every mission is taken within a step for each of those."""
    dead = NODES[:4]
    fleet = Fleet(town_of(30), dead=dead)
    looks = fleet.work()
    assert looks <= len(dead) + 1 + 30
    assert sum(fleet.won.values()) == 30
    single = Fleet(town_of(1), dead=[node for node in NODES if node != last_for("m000")])
    assert single.work() == len(NODES)


def last_for(mission: str) -> str:
    """Who comes last for a mission's first attempt."""
    order = places(mission_subject(mission, 1), frozenset(NODES))
    return max(NODES, key=order.__getitem__)


def test_a_crowd_of_liars_delays_a_mission_for_so_many_turns_and_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand beats of nodes that never ask: the only one that works takes the mission after the last turn."""
    liars = frozenset(f"liar-{number}" for number in range(1000))
    monkeypatch.setattr(Precedence, "living", lambda *_: liars)
    fleet = Fleet(town_of(1), dead=NODES[1:])
    assert places(mission_subject("m000", 1), liars | {"node-0"})["node-0"] > MAX_TURNS
    assert fleet.work() == MAX_TURNS + 1


def turns_of(peer: Peer, offers: Mapping[str, NodeCapabilities]) -> MissionTurns:
    """A node's turns in a fleet of which each node has a page."""
    precedence = Precedence(me=peer.name, role=Role.LOCAL_WORKER, liveness=Liveness())
    precedence.offers = lambda _ledger: offers  # type: ignore[method-assign]
    precedence.living = lambda _ledger: frozenset(offers)  # type: ignore[method-assign]
    return MissionTurns(precedence=precedence)


def place_of(me: str, ledger: LedgerSnapshot, peer: Peer, offers: Mapping[str, NodeCapabilities]) -> int:
    mission = ledger.open["m000"].mission
    return turns_of(peer, offers).place(ledger, mission, mission_subject(mission.name, 1))


@pytest.mark.parametrize(
    ("fields", "first"),
    [
        ("agent: claude", {"node-3"}),
        ("to: [gpu]", {"node-5"}),
        ("to: [node-6]", {"node-6"}),
        ("agent: auto", set(NODES) - {"node-7"}),
    ],
)
def test_who_cannot_take_a_mission_is_not_waited_for(fields: str, first: set[str]) -> None:
    """By what each node's page says; a mission for one node is that one's alone."""
    town = town_of(1, lambda _: f"---\ntitle: m\n{fields}\n---\nDo it.\n")
    offers = {name: NodeCapabilities(node=name, role="LOCAL_WORKER", agents=frozenset({"builtin"})) for name in NODES}
    offers["node-3"] = NodeCapabilities(node="node-3", role="LOCAL_WORKER", agents=frozenset({"builtin", "claude"}))
    gpu = frozenset({"gpu"})
    offers["node-5"] = NodeCapabilities(
        node="node-5", role="LOCAL_WORKER", agents=frozenset({"builtin"}), capabilities=gpu
    )
    offers["node-7"] = NodeCapabilities(node="node-7", role="LOCAL_WORKER", agents=frozenset({"command"}))
    found = [place_of(name, town.peer(name).ledger(), town.peer(name), offers) for name in sorted(first)]
    assert sorted(found) == list(range(len(first)))


def test_after_an_attempt_another_node_comes_first() -> None:
    """A node that is the first for a mission and never does it is not the first in the next epoch, too."""
    peer = town_of(1).peer(NODES[0])
    ledger = peer.ledger()
    offers = {name: NodeCapabilities(node=name, role="LOCAL_WORKER", agents=frozenset({"builtin"})) for name in NODES}
    first: list[str] = []
    for epoch in range(24):
        mission = replace(ledger.open["m000"].mission, epoch=epoch)
        for name in NODES:
            turns = turns_of(peer, offers)
            turns.precedence.me = name
            turns.observe({mission_subject(mission.name, epoch + 1)}, 0.0)
            first += [name for _ in turns.in_turn(ledger, [mission], lambda _mission: True)]
    assert len(first) == 24
    assert len(set(first)) > 4


def test_what_waited_for_everybodys_turn_is_not_passed_by() -> None:
    """A node that was busy leaves an urgent mission to others at first; once that is overdue it takes nothing else."""
    peer = town_of(40, lambda number: f"---\ntitle: m\npriority: {5 * (number == 0)}\n---\nDo it.\n").peer(NODES[0])
    ledger = peer.ledger()
    offers = {name: NodeCapabilities(node=name, role="LOCAL_WORKER", agents=frozenset({"builtin"})) for name in NODES}
    missions = [ledger.open[name].mission for name in sorted(ledger.open)]
    subjects = {mission_subject(mission.name, 1) for mission in missions}
    turns = turns_of(peer, offers)
    turns.precedence.me = last_for("m000")

    def asked(now: float) -> list[int]:
        turns.observe(subjects, now)
        turns.free_since = now
        return [mission.priority for mission in turns.in_turn(ledger, missions, lambda _mission: True)]

    assert set(asked(0.0)) == {0}
    assert asked(2.0 * MAX_TURNS) == []


def test_of_very_many_missions_those_are_compared_for_which_a_node_weighs_most(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many wait, a round works out few orders; and eight nodes still keep out of each other's way."""
    monkeypatch.setattr(mission_turns, "MAX_COMPARED", 8)
    asked: list[str] = []
    real = turn_order.place_of
    monkeypatch.setattr(
        "orchestrator.node.precedence.place_of",
        lambda node, subject, nodes: asked.append(subject) or real(node, subject, nodes),
    )
    fleet = Fleet(town_of(120))
    looks = fleet.work(every=ANSWER)
    assert len(asked) <= looks * len(NODES) * 8
    assert fleet.lost <= 0.05 * fleet.pushes
