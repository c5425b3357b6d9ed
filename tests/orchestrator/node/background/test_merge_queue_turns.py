"""Is a merge queue worked at beside the loop, by one node at a time, and taken over from one that fell silent?"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from orchestrator.core.errors import WorkspaceFailed
from orchestrator.core.ports.model import Stop
from orchestrator.core.roles import Role
from orchestrator.ledger.liveness import Liveness
from orchestrator.node.background.merge_queue_turns import HOLD_SECONDS, RETRY, MergeQueueTurns
from orchestrator.node.precedence import Precedence
from orchestrator.workflow.approval.delivery import DeliveryResult
from orchestrator.workflow.merge_queue.queue_work import QueueReport
from orchestrator.workflow.queue_hold.queue_record import QueueRecord
from sync.remote import Oid
from tests.ledgers import Keys
from tests.orchestrator.workflow.approval.scene import Scene
from tests.orchestrator.workflow.merge_queue.queues import Queue, queue_toml
from tests.waiting import PATIENCE, until


@dataclass
class Work:
    """Rounds that end as the test says, when it says so."""

    ends: list[QueueReport | Exception | None] = field(default_factory=list)
    ran: list[str] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)
    stop: Stop | None = None

    def run(self, project: str, before: QueueRecord, seen: Oid | None, stop: Stop) -> QueueReport | None:
        """Waits for the test."""
        self.ran.append(project)
        self.stop = stop
        assert self.gate.wait(PATIENCE)
        end = self.ends.pop(0) if self.ends else QueueReport()
        if isinstance(end, Exception):
            raise end
        return end


@dataclass
class Turns:
    """A node's turns at a queue in which one result waits; time moves when the test moves it."""

    queue: Queue
    me: str = "n1"
    work: Work = field(default_factory=Work)
    told: list[str] = field(default_factory=list)
    nudged: threading.Event = field(default_factory=threading.Event)
    now: float = 1000.0

    def __post_init__(self) -> None:
        self.who = self.queue.scene.peer(self.me)
        self.liveness = Liveness()
        self.turns = MergeQueueTurns(
            work=self.work,
            precedence=Precedence(me=self.me, role=Role.HEADQUARTERS, liveness=self.liveness),
            trust=self.who.trust,
            tell=lambda event, sentence, **_: self.told.append(sentence),
            clock=lambda: self.now,
            nudge=self.nudged.set,
        )

    def step(self, after: float = 0.0) -> list[str]:
        """One round of the loop, so many seconds later; returns at what the node has worked so far."""
        self.now += after
        ledger = self.who.ledger()
        self.liveness.observe(ledger, self.now)
        self.turns.step(ledger)
        return self.work.ran

    def end(self) -> None:
        """The round at work ends."""
        self.work.gate.set()
        until(lambda: not self.turns.at_work, "the round ends")
        self.work.gate.clear()

    def hold(self, node: str) -> None:
        """Another node says that it tests, and lives."""
        self.queue.hold(node, "a")
        self.beat(node)

    def beat(self, node: str) -> None:
        """Another node's beat moves."""
        self.queue.beat(node)


@pytest.fixture
def turns(tmp_path: Path, keys: Keys) -> Iterator[Turns]:
    """Headquarters', which is the first."""
    scene = Scene(tmp_path / "scene", keys, missions=("a",), policy=queue_toml())
    made = Turns(Queue.of(scene, "a"))
    yield made
    made.work.gate.set()
    made.turns.close()
    scene.close()


def test_one_round_at_a_time_beside_the_loop(turns: Turns) -> None:
    """The loop goes on while it is tested; what became of results is told, and the loop is woken."""
    turns.work.ends = [
        QueueReport(settled=(DeliveryResult(mission="a", oid="f" * 40), DeliveryResult(mission="b", refused="red")))
    ]
    assert turns.step() == ["shop"]
    assert turns.step(60) == ["shop"]
    turns.end()
    assert turns.told == ["a is merged as ffffffffff", "b is back in review: red"]
    assert turns.nudged.is_set()
    assert turns.step() == ["shop", "shop"]


def test_what_stands_still_is_tried_again_ever_more_seldom(turns: Turns) -> None:
    """A red branch, a server that does not answer, and a mistake of ours: each is told, and rests."""
    turns.work.ends = [QueueReport(trouble="main is red"), WorkspaceFailed("no server"), ValueError("ours")]
    rest = 0.0
    for count in (1, 2, 3):
        assert turns.step(rest) == ["shop"] * count
        turns.end()
        rest = RETRY.next(rest)
        assert turns.step(rest - 1) == ["shop"] * count
        turns.now -= rest - 1
    assert turns.told == [
        "the merge queue of shop stands still: main is red",
        "shop: its merge queue waits, and is tried again: no server",
        "shop: its merge queue waits, and is tried again: ours",
    ]


def test_who_lives_and_tests_is_left_to_it(turns: Turns) -> None:
    """Until its beat has stood still for its lease, or its record for longer than a test may take."""
    turns.hold("n2")
    assert turns.step() == []
    turns.beat("n2")
    assert turns.step(20) == []
    assert turns.step(29) == []
    assert turns.step(2) == ["shop"]
    turns.end()
    turns.hold("n2")
    passed = 0.0
    while passed < HOLD_SECONDS:
        assert turns.step(20) == ["shop"]
        turns.beat("n2")
        passed += 20
    assert turns.step(20) == ["shop", "shop"]


def test_its_own_record_of_before_a_crash_holds_nothing_up(turns: Turns) -> None:
    """A node that comes back goes on at once."""
    turns.hold("n1")
    assert turns.step() == ["shop"]


def test_a_node_that_ends_stops_its_tests(turns: Turns) -> None:
    """And begins no others."""
    turns.step()
    threading.Timer(0.0, turns.turns.close).start()
    until(lambda: turns.work.stop is not None and turns.work.stop.is_set(), "it is told to stop")
    turns.end()
    assert turns.step(9999) == ["shop"]


def test_nothing_waits(turns: Turns) -> None:
    """A queue that is empty is nobody's work."""
    turns.queue.round()
    assert turns.step() == []
