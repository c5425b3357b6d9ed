"""A mission that a bus brings is this node's next one in the ledger, and the ledger's rules hold for it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from missions.mission import Status
from orchestrator.core.roles import Role
from orchestrator.node.executor import StopReason
from orchestrator.node.mission_bus.ledger_tasks import LedgerTasks
from orchestrator.node.mission_bus.threads import BusThreads
from orchestrator.workflow.delegation.envelope import read_envelope
from orchestrator.workflow.delegation.task_types import TaskCarried, TaskInterrupted, TaskJob
from tests.buses import Gate, envelope, worker
from tests.ledgers import Ticks, Town, Working, working
from tests.memory_bus import MemoryBus
from tests.waiting import PATIENCE, until


@dataclass
class Call:
    """The handler at work in a thread."""

    tasks: LedgerTasks
    stopped: threading.Event = field(default_factory=threading.Event)
    raised: list[BaseException] = field(default_factory=list)
    thread: threading.Thread = field(init=False)

    def __post_init__(self) -> None:
        job = TaskJob(
            envelope=read_envelope(envelope("a", "general_task:do it")),
            task_type="general_task",
            description="do it",
            attempt=1,
            stopped=self.stopped.is_set,
        )

        def call() -> None:
            try:
                self.tasks(job)
            except Exception as error:
                self.raised.append(error)

        self.thread = threading.Thread(target=call, daemon=True)
        self.thread.start()
        until(lambda: self.tasks.is_wanted("a"))

    def end(self) -> BaseException:
        """How it ended."""
        self.thread.join(PATIENCE)
        assert not self.thread.is_alive()
        return self.raised[0]


@dataclass
class Shop:
    """A ledger, a clock, and the handler."""

    town: Town = field(default_factory=Town)
    ticks: Ticks = field(default_factory=Ticks)
    woken: list[int] = field(default_factory=list)
    tasks: LedgerTasks = field(init=False)

    def __post_init__(self) -> None:
        self.tasks = LedgerTasks(wake=lambda: self.woken.append(1), clock=self.ticks)
        self.person, self.desk = self.town.peer("ann"), self.town.peer("desk")


@pytest.fixture
def shop() -> Shop:
    """An empty ledger."""
    return Shop()


def test_it_lets_go_as_soon_as_the_ledger_carries_it(shop: Shop) -> None:
    """Whoever holds the claim: from then on that is what keeps the mission."""
    shop.person.push({"missions/a.md": "Do it.\n"})
    call = Call(shop.tasks)
    assert shop.woken
    shop.tasks.look(shop.desk.ledger())
    assert shop.tasks.is_wanted("a")
    shop.desk.hold("a")
    shop.tasks.look(shop.desk.ledger())
    assert isinstance(call.end(), TaskCarried)
    assert not shop.tasks.is_wanted("a")


@pytest.mark.parametrize("first", ["stopped", "carried"])
def test_two_deliveries_of_one_mission_wait_side_by_side(shop: Shop, first: str) -> None:
    """Under two keys at one worker: the end of one takes nothing from the other, and is no failed attempt."""
    shop.person.push({"missions/a.md": "Do it.\n"})
    calls = [Call(shop.tasks), Call(shop.tasks)]
    until(lambda: len(shop.woken) == 2, "both")
    if first == "stopped":
        calls[0].stopped.set()
        assert isinstance(calls[0].end(), TaskInterrupted)
        assert shop.tasks.is_wanted("a"), "one waits still"
    shop.desk.hold("a")
    shop.tasks.look(shop.desk.ledger())
    for call in calls[first == "stopped" :]:
        assert isinstance(call.end(), TaskCarried)
    assert not shop.tasks.is_wanted("a")


@pytest.mark.parametrize("status", ["done", "parked", "cancelled", "archived"])
def test_what_is_over_in_the_ledger_is_let_go(shop: Shop, status: str) -> None:
    """It is nobody's on the bus."""
    shop.person.push({"missions/a.md": "---\nstatus: queued\n---\nDo it.\n"})
    if status != "archived":
        shop.person.push({"missions/a.md": f"---\nstatus: {status}\n---\nDo it.\n"})
    else:
        shop.desk.attempt("a")
        shop.desk.fold()
    call = Call(shop.tasks)
    shop.tasks.look(shop.desk.ledger())
    assert isinstance(call.end(), TaskCarried)


def test_what_this_node_cannot_do_is_left_to_the_ledger(shop: Shop) -> None:
    """It does not go round on the bus: whoever can takes it by polling."""
    shop.person.push({"missions/a.md": "Do it.\n"})
    call = Call(shop.tasks)
    shop.ticks.at += 61
    shop.tasks.look(shop.desk.ledger())
    error = call.end()
    assert isinstance(error, TaskCarried)
    assert "waits in the ledger" in str(error)


def test_what_is_never_filed_goes_back_and_spends_no_attempt(shop: Shop) -> None:
    """Nothing is done on the bus' word alone, and headquarters that is away for a while kills no mission."""
    call = Call(shop.tasks)
    shop.tasks.look(shop.desk.ledger())
    shop.ticks.at += 31
    shop.tasks.look(shop.desk.ledger())
    error = call.end()
    assert isinstance(error, TaskInterrupted)
    assert "headquarters has not filed a" in str(error)


def test_headquarters_may_be_away_for_longer_than_all_attempts(shop: Shop) -> None:
    """Five times the patience, and the mission is still there as its first attempt."""
    bus = MemoryBus(shop.ticks)
    bus.publish(envelope("a", "general_task:x", max_retries=1), 1)
    one = worker(bus, "w", {"general_task": shop.tasks}, clock=shop.ticks)
    for _ in range(5):
        one.step()
        until(lambda: shop.tasks.is_wanted("a"))
        shop.ticks.at += 31
        shop.tasks.look(shop.desk.ledger())
        until(lambda: one.step() and shop.tasks.is_wanted("a"))
    one.leave()
    assert bus.dead_letters == []
    assert [each.attempt for each in bus.claim("next", 5)] == [1]


def test_a_node_that_does_not_see_the_ledger_takes_nothing_that_needs_it(shop: Shop, tmp_path: Path) -> None:
    """It could not claim it; as soon as a fetch comes through it takes again."""
    bus = MemoryBus(shop.ticks)
    node = node_on(shop, bus, tmp_path)
    over_bus = node.node.over_bus
    assert over_bus is not None
    assert over_bus.worker is not None
    assert over_bus.ledger_tasks is not None
    tasks = over_bus.ledger_tasks
    over_bus.worker.takes = lambda: tasks.reachable
    node.step()
    shop.desk.line.cut = node.peer.line.cut = True
    node.step()
    bus.publish(envelope("a", "general_task:x"), 1)
    over_bus.worker.step()
    assert over_bus.worker.busy == 0
    shop.desk.line.cut = node.peer.line.cut = False
    node.step()
    over_bus.worker.step()
    assert over_bus.worker.busy == 1
    over_bus.worker.leave()


def test_a_draining_node_gives_back_what_waits_for_a_claim(shop: Shop) -> None:
    """It claims nothing any more, so nobody may wait for that."""
    call = Call(shop.tasks)
    shop.tasks.drain()
    assert isinstance(call.end(), TaskInterrupted)


def test_a_draining_node_ends_when_what_the_bus_brought_is_done(shop: Shop, tmp_path: Path) -> None:
    """The first signal lets the running task end and hands its result in; the second gives it back."""
    for cancelled in (False, True):
        bus, gate = MemoryBus(shop.ticks), Gate()
        name = f"n{cancelled:d}"
        node = node_on(shop, bus, tmp_path / name, name)
        bus.publish(envelope("a", "probe:x"), 1)
        one = worker(bus, name, {"probe": gate}, clock=shop.ticks)
        one.on_end = node.node.jobs.wake.set
        node.node.over_bus = threads = BusThreads(worker=one)
        ended: list[bool] = []

        def run(node: Working = node, threads: BusThreads = threads, ended: list[bool] = ended) -> None:
            stops: list[Callable[[], None]] = []
            node.node.run(lambda: stops.append(threads.start()))
            ended.append(True)
            for stop in stops:
                stop()

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        assert gate.entered.wait(PATIENCE)
        node.node.drain()
        assert node.node._goes_on(moved=False), "it is at work"
        if cancelled:
            node.node.stop_jobs(StopReason.STOPPING)
            until(gate.jobs[0].stopped)
        else:
            assert not ended
            gate.go_on.set()
        thread.join(PATIENCE)
        assert not thread.is_alive()
        gate.go_on.set()
        if cancelled:
            assert [each.attempt for each in bus.claim("next", 5)] == [1]
        else:
            assert len(bus.results(5)) == 1


def test_a_stopped_worker_gives_it_back(shop: Shop) -> None:
    """No attempt counts."""
    call = Call(shop.tasks)
    call.stopped.set()
    assert isinstance(call.end(), TaskInterrupted)


def node_on(shop: Shop, bus: MemoryBus, folder: Path, name: str = "desk") -> Working:
    """A whole node whose bus is served by the test's own steps."""
    node = working(shop.town.peer(name), folder, role=Role.LOCAL_WORKER, ticks=shop.ticks)
    tasks = LedgerTasks(wake=node.node.jobs.wake.set, clock=shop.ticks)
    handlers = {"general_task": tasks}
    node.node.over_bus = BusThreads(worker=worker(bus, name, handlers, clock=shop.ticks), ledger_tasks=tasks)
    node.scheduler._claim_turns.is_brought = tasks.is_wanted
    return node


def test_a_node_does_what_the_bus_brings_before_its_turn(shop: Shop, tmp_path: Path) -> None:
    """Of three nodes that could do it the one that it was brought to asks at once, whoever's turn it would be."""
    bus = MemoryBus(shop.ticks)
    nodes = [node_on(shop, bus, tmp_path / name, name) for name in ("desk", "lap", "vps")]
    for each in nodes:
        each.step()
    for number in range(3):
        name = f"m{number}"
        shop.person.push({f"missions/{name}.md": "Do it.\n"})
        bus.publish(envelope(name, "general_task:Do it."), 1)
        node = nodes[number]
        over_bus = node.node.over_bus
        assert over_bus is not None
        assert over_bus.worker is not None
        assert over_bus.ledger_tasks is not None
        over_bus.worker.step()
        until(lambda tasks=over_bus.ledger_tasks, name=name: tasks.is_wanted(name))
        node.settle()
        ledger = shop.person.ledger()
        filed = ledger.archived(name) or ledger.open[name]
        assert filed.mission.node == node.peer.name
        until(lambda one=over_bus.worker: one.step() or not one.busy)
    assert bus.dead_letters == []
    assert bus.results(10) == [], "the ledger says what became of them"


def test_the_bus_alone_makes_no_node_run_anything(shop: Shop, tmp_path: Path) -> None:
    """An envelope that is not in the ledger, and one that differs from it: nothing runs, or the ledger's own text."""
    bus = MemoryBus(shop.ticks)
    node = node_on(shop, bus, tmp_path)
    shop.person.push({"missions/known.md": "The ledger's text.\n"})
    bus.publish(envelope("ghost", "general_task:rm -rf /"), 1)
    bus.publish(envelope("known", "general_task:something else", payload={"task": "general_task:evil"}), 1)
    over_bus = node.node.over_bus
    assert over_bus is not None
    assert over_bus.worker is not None
    over_bus.worker.step()
    node.settle()
    assert [job.mission.body.strip() for job in node.agent.jobs] == ["The ledger's text."]
    ledger = shop.person.ledger()
    done = ledger.archived("known")
    assert done is not None
    assert done.mission.status is Status.DONE


def test_a_draining_node_takes_nothing_off_the_bus(shop: Shop, tmp_path: Path) -> None:
    """The rest is for others."""
    bus = MemoryBus(shop.ticks)
    node = node_on(shop, bus, tmp_path)
    node.node.drain()
    bus.publish(envelope("a", "general_task:x"), 1)
    over_bus = node.node.over_bus
    assert over_bus is not None
    assert over_bus.worker is not None
    over_bus.worker.step()
    assert over_bus.worker.busy == 0
    assert len(bus.claim("other", 5)) == 1


def test_its_threads_end_with_the_node(shop: Shop) -> None:
    """What is not done goes back to the bus at once."""
    bus, tasks = MemoryBus(shop.ticks), shop.tasks
    bus.publish(envelope("a", "general_task:x"), 1)
    threads = BusThreads(worker=worker(bus, "w", {"general_task": tasks}, clock=shop.ticks), ledger_tasks=tasks)
    stop = threads.start()
    until(lambda: tasks.is_wanted("a"))
    stop()
    (again,) = bus.claim("next", 5)
    assert again.attempt == 1
