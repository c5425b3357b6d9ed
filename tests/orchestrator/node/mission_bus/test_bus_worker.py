"""A worker on a bus: what it takes, keeps, hands in and gives back, and what it does when the bus is away."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from handoff.secrets.redact import redact
from orchestrator.core.errors import BusUnavailable
from orchestrator.core.ports.mission_bus import Delivery
from orchestrator.node.mission_bus.bus_worker import BusWorker, TakeoverGate
from orchestrator.workflow.delegation.task_types import (
    TaskCarried,
    TaskImpossible,
    TaskInterrupted,
    TaskJob,
    admins_alone,
)
from tests.buses import LEASE, Gate, Told, envelope, work_off, worker
from tests.ledgers import Ticks
from tests.memory_bus import MemoryBus
from tests.waiting import PATIENCE, until

TOKEN = "ghp_" + "a1B2" * 9


@dataclass
class CutBus(MemoryBus):
    """A bus whose line can be cut: before it does what is asked, or after."""

    cut: bool = False
    lose_answer: bool = False
    surprise: bool = False

    def claim(self, worker: str, count: int) -> list[Delivery]:
        """Claims, unless the line is cut."""
        if self.surprise:
            self.surprise = False
            raise ZeroDivisionError("no way")
        if self.cut:
            raise BusUnavailable("test", "cut")
        return super().claim(worker, count)

    def finish(self, held: Delivery, body: str) -> bool:
        """Takes a result; its answer may get lost."""
        if self.cut:
            raise BusUnavailable("test", "cut")
        taken = super().finish(held, body)
        if self.lose_answer:
            self.lose_answer = False
            raise BusUnavailable("test", "the answer is lost")
        return taken


@dataclass
class Shop:
    """A bus and a clock."""

    ticks: Ticks = field(default_factory=Ticks)
    bus: CutBus = field(init=False)

    def __post_init__(self) -> None:
        self.bus = CutBus(self.ticks)

    def results(self) -> list[dict[str, Any]]:
        """The results that are there."""
        return [json.loads(each.body) for each in self.bus.results(100)]


@pytest.fixture
def shop() -> Shop:
    """An empty bus."""
    return Shop()


def echo(job: TaskJob) -> Mapping[str, Any]:
    """A handler that says what it was asked."""
    return {"said": job.description, "attempt": job.attempt}


def told(one: BusWorker) -> str:
    """What it told."""
    assert isinstance(one.tell, Told)
    return one.tell.text


def test_it_does_what_its_handlers_can(shop: Shop) -> None:
    """The description goes to the handler of the type, what that returns is the result."""
    shop.bus.publish(envelope("a", "echo:  hello: you "), 1)
    shop.bus.publish(envelope("b", "system:probe:deep"), 1)
    work_off(worker(shop.bus, "w", {"echo": echo, "system:probe": echo, "system": echo}, clock=shop.ticks))
    assert {each["job_id"]: each["result"] for each in shop.results()} == {
        "a": {"said": "hello: you", "attempt": 1},
        "b": {"said": "deep", "attempt": 1},
    }
    assert {each["status"] for each in shop.results()} == {"SUCCESS"}


def test_an_unknown_type_goes_to_the_dead_letters_once(shop: Shop) -> None:
    """With its reason, which names what is known; no attempt is made and it never goes round."""
    shop.bus.publish(envelope("a", "paint:the shed"), 1)
    one = worker(shop.bus, "w", {"echo": echo}, clock=shop.ticks)
    work_off(one)
    ((_, why),) = shop.bus.dead_letters
    assert why == "unknown task type in 'paint:the shed': known are echo"
    assert [(each["status"], each["error"]) for each in shop.results()] == [("FAILED", why)]
    shop.ticks.at += 10 * LEASE
    work_off(one)
    assert len(shop.bus.dead_letters) == 1


@pytest.mark.parametrize(
    ("raised", "reason"),
    [
        (TaskImpossible("there is no such shed"), "there is no such shed"),
        (ValueError("boom"), "ValueError: boom"),
        (TaskImpossible(f"git says: {TOKEN}"), f"git says: {redact(TOKEN).text}"),
    ],
)
def test_what_fails_is_dead_after_its_attempts(shop: Shop, raised: Exception, reason: str) -> None:
    """What no attempt can do at once, anything else after all of them."""
    attempts: list[int] = []

    def fail(job: TaskJob) -> Mapping[str, Any]:
        attempts.append(job.attempt)
        raise raised

    shop.bus.publish(envelope("a", "fail:now", max_retries=3), 1)
    work_off(worker(shop.bus, "w", {"fail": fail}, clock=shop.ticks))
    assert attempts == ([1] if isinstance(raised, TaskImpossible) else [1, 2, 3])
    assert [why for _, why in shop.bus.dead_letters] == [reason]


def test_what_is_kept_for_later_says_so(shop: Shop) -> None:
    """`system:update_factory` is known, and comes by no bus: an admin signs it."""
    shop.bus.publish(envelope("a", "system:update_factory:all"), 1)
    work_off(worker(shop.bus, "w", {"system:update_factory": admins_alone}, clock=shop.ticks))
    assert "system:update_factory comes by no bus" in shop.bus.dead_letters[0][1]


@pytest.mark.parametrize(
    "body",
    [
        '{"job_id": "a"}',
        '{"job_id": "a", "payload": {"task": "echo:"}}',
        '{"job_id": "a", "payload": {"task": "no colon"}}',
        '{"job_id": "a", "payload": {"task": "echo:x", "more": 1}}',
        '{"job_id": "a", "payload": {"task": "echo:x"}, "priority": 99}',
        '{"job_id": "...", "payload": {"task": "echo:x"}}',
    ],
)
def test_a_wrong_envelope_is_dead_with_its_reason(shop: Shop, body: str) -> None:
    """Whoever sent it reads what was wrong; the worker goes on."""
    shop.bus.publish(body, 1)
    shop.bus.publish(envelope("good", "echo:x"), 1)
    work_off(worker(shop.bus, "w", {"echo": echo}, clock=shop.ticks))
    assert len(shop.bus.dead_letters) == 1
    assert shop.bus.dead_letters[0][1]
    assert ("good", "SUCCESS") in [(each["job_id"], each["status"]) for each in shop.results()]


@pytest.mark.parametrize("value", [{"x": object()}, {"x": float("nan")}, {"x": "y" * 300_000}])
def test_a_result_that_cannot_be_told_is_a_failed_attempt(shop: Shop, value: Mapping[str, Any]) -> None:
    """Not JSON, not finite, or too long."""
    shop.bus.publish(envelope("a", "odd:x", max_retries=1), 1)
    work_off(worker(shop.bus, "w", {"odd": lambda _job: value}, clock=shop.ticks))
    assert len(shop.bus.dead_letters) == 1
    assert [each["status"] for each in shop.results()] == ["FAILED"]


def test_it_takes_no_more_than_it_has_room_for(shop: Shop) -> None:
    """The rest stays for others."""
    gate = Gate()
    for number in range(5):
        shop.bus.publish(envelope(f"m{number}", "wait:x"), 1)
    one = worker(shop.bus, "w", {"wait": gate}, clock=shop.ticks, slots=2)
    one.step()
    one.step()
    assert one.busy == 2
    assert len(shop.bus.claim("other", 10)) == 3
    gate.go_on.set()
    work_off(one)
    assert len(shop.results()) == 2


def test_it_keeps_what_it_works_on(shop: Shop) -> None:
    """Long work is renewed before the lease runs out, and nobody takes it over."""
    gate = Gate()
    shop.bus.publish(envelope("a", "wait:x"), 1)
    one = worker(shop.bus, "w", {"wait": gate}, clock=shop.ticks)
    one.step()
    assert gate.entered.wait(PATIENCE)
    for _ in range(12):
        shop.ticks.at += LEASE / 3
        one.step()
        assert shop.bus.take_over("other", LEASE, 5) == []
    gate.go_on.set()
    work_off(one)
    assert [each["status"] for each in shop.results()] == ["SUCCESS"]


def test_a_fenced_worker_tells_its_handler_and_hands_nothing_in(shop: Shop) -> None:
    """Somebody took the mission over while this one stood still: its result is not taken, the other's is."""
    gate = Gate({"by": "old"})
    shop.bus.publish(envelope("a", "wait:x"), 1)
    old = worker(shop.bus, "old", {"wait": gate}, clock=shop.ticks)
    old.step()
    assert gate.entered.wait(PATIENCE)
    shop.ticks.at += 2 * LEASE
    (taken,) = shop.bus.take_over("new", LEASE, 5)
    assert not gate.jobs[0].stopped()
    old.step()
    assert gate.jobs[0].stopped()
    gate.go_on.set()
    work_off(old)
    assert shop.results() == []
    assert shop.bus.finish(taken, '{"job_id": "a", "status": "SUCCESS", "result": {"by": "new"}}')
    assert [each["result"] for each in shop.results()] == [{"by": "new"}]


def test_a_late_result_is_told(shop: Shop) -> None:
    """Between the last renewal and the end somebody took it over."""
    gate = Gate()
    shop.bus.publish(envelope("a", "wait:x"), 1)
    old = worker(shop.bus, "old", {"wait": gate}, clock=shop.ticks)
    old.step()
    shop.ticks.at += 2 * LEASE
    assert shop.bus.take_over("new", LEASE, 5)
    gate.go_on.set()
    until(lambda: old._works[0].ended.is_set())
    old.step()
    assert "this result is not taken" in told(old)
    assert (old.busy, shop.results()) == (0, [])


def test_what_is_done_while_the_bus_is_away_waits(shop: Shop) -> None:
    """It is handed in as soon as the bus answers, once, also where the bus had taken it and its answer was lost."""
    gate = Gate()
    shop.bus.publish(envelope("a", "wait:x"), 1)
    one = worker(shop.bus, "w", {"wait": gate}, clock=shop.ticks)
    one.step()
    shop.bus.cut = True
    gate.go_on.set()
    until(lambda: one._works[0].ended.is_set())
    assert not one.step()
    assert not one.step()
    assert one.busy == 1
    assert told(one).count("what is done here waits") == 1
    shop.bus.cut, shop.bus.lose_answer = False, True
    assert not one.step()
    assert one.step()
    assert one.busy == 0
    assert "answers again" in told(one)
    assert [each["job_id"] for each in shop.results()] == ["a"]


def test_after_a_gap_nothing_is_taken_over_for_a_lease(shop: Shop) -> None:
    """A server that stood still has heard nobody: its silence is nobody's death."""
    shop.bus.publish(envelope("a", "echo:x"), 1)
    shop.bus.claim("dead", 1)
    one = worker(shop.bus, "w", {"echo": echo}, clock=shop.ticks)
    shop.ticks.at += 10 * LEASE
    one.step()
    assert one.busy == 0, "it has just begun to look"
    for _ in range(3):
        shop.ticks.at += LEASE / 4
        one.step()
    assert one.busy == 0
    for _ in range(3):
        shop.ticks.at += LEASE / 4
        one.step()
    until(lambda: one.step() or shop.results())
    assert [each["result"]["attempt"] for each in shop.results()] == [2]


def test_the_gate_closes_after_each_gap() -> None:
    """It is a lease without gaps that counts, not one answer."""
    gate = TakeoverGate(4.0)
    assert not gate.is_open(0.0)
    for now in (0.0, 1.0, 2.0, 3.0, 4.0):
        gate.answered(now)
    assert gate.is_open(4.0)
    gate.answered(6.5)
    assert not gate.is_open(6.5)
    for now in (7.5, 8.5, 9.5, 10.5):
        gate.answered(now)
    assert gate.is_open(10.5)


@pytest.mark.parametrize("raised", [TaskInterrupted("not mine"), TaskCarried("the ledger has it")])
def test_what_a_handler_lets_go_of_costs_no_attempt(shop: Shop, raised: Exception) -> None:
    """It goes back as it was, or the ledger has it and nobody on the bus."""
    first = [True]

    def let_go(job: TaskJob) -> Mapping[str, Any]:
        if first.pop() if first else False:
            raise raised
        return {"attempt": job.attempt}

    shop.bus.publish(envelope("a", "x:y", max_retries=1), 1)
    work_off(worker(shop.bus, "w", {"x": let_go}, clock=shop.ticks))
    carried = isinstance(raised, TaskCarried)
    assert [each["result"] for each in shop.results()] == ([] if carried else [{"attempt": 1}])
    assert shop.bus.dead_letters == []


def test_whoever_leaves_gives_back_what_is_not_done(shop: Shop) -> None:
    """The next one has it at once, as the same attempt, and what the first still does counts no more."""
    gate = Gate()
    shop.bus.publish(envelope("a", "wait:x", max_retries=1), 1)
    one = worker(shop.bus, "w", {"wait": gate}, clock=shop.ticks)
    one.step()
    assert gate.entered.wait(PATIENCE)
    one.leave()
    assert gate.jobs[0].stopped()
    gate.go_on.set()
    (taken,) = shop.bus.claim("next", 5)
    assert (taken.attempt, taken.epoch) == (1, 2)
    one.step()
    assert (one.busy, shop.results()) == (0, [])


def test_what_is_taken_over_is_begun_though_the_next_question_fails(shop: Shop) -> None:
    """Nobody else would have it for a lease, and one of its attempts would be spent on nothing."""
    shop.bus.publish(envelope("a", "echo:x"), 1)
    shop.bus.claim("dead", 1)
    one = worker(shop.bus, "w", {"echo": echo}, clock=shop.ticks)
    for _ in range(4):
        one.step()
        shop.ticks.at += LEASE / 4 + 0.001
    shop.bus.cut = True
    assert not one.step()
    assert one.busy == 1
    shop.bus.cut = False
    until(lambda: one.step() or shop.results())
    assert [each["result"]["attempt"] for each in shop.results()] == [2]


def test_a_hung_handler_has_no_lease_for_ever(shop: Shop) -> None:
    """After the mission's own timeout it is told to stop, and its attempt has failed."""
    gate = Gate()
    shop.bus.publish(envelope("a", "wait:x", max_retries=1, timeout_seconds=5), 1)
    one = worker(shop.bus, "w", {"wait": gate}, clock=shop.ticks)
    one.step()
    assert gate.entered.wait(PATIENCE)
    for _ in range(49):
        shop.ticks.at += 0.1
        one.step()
    assert not gate.jobs[0].stopped()
    shop.ticks.at += 0.2
    one.step()
    assert gate.jobs[0].stopped()
    assert one.busy == 0
    assert [why for _, why in shop.bus.dead_letters] == ["it took longer than its timeout of 5 s"]
    gate.go_on.set()
    one.step()
    assert [each["status"] for each in shop.results()] == ["FAILED"]


def test_what_waits_for_the_ledger_has_no_timeout_of_the_bus(shop: Shop) -> None:
    """Its attempt has not begun: the ledger times it."""
    gate = Gate()
    shop.bus.publish(envelope("a", "general_task:x", max_retries=1, timeout_seconds=1), 1)
    one = worker(shop.bus, "w", {"general_task": gate}, clock=shop.ticks)
    one.step()
    assert gate.entered.wait(PATIENCE)
    shop.ticks.at += 10
    one.step()
    assert one.busy == 1
    gate.go_on.set()


def test_a_surprise_ends_no_worker(shop: Shop) -> None:
    """It is told, and the next round goes on."""
    shop.bus.publish(envelope("a", "echo:x"), 1)
    shop.bus.surprise = True
    one = worker(shop.bus, "w", {"echo": echo}, clock=shop.ticks)
    over = threading.Event()
    thread = threading.Thread(target=one.run, args=(over,))
    thread.start()
    until(lambda: bool(shop.results()) or not thread.is_alive())
    over.set()
    one.wake.set()
    thread.join(PATIENCE)
    assert [each["status"] for each in shop.results()] == ["SUCCESS"]
    assert "ZeroDivisionError: no way" in told(one)


def test_half_a_character_is_a_failed_attempt(shop: Shop) -> None:
    """No bus can carry it: neither as a result nor as a reason."""
    words = "\ud800"

    def fail(_job: TaskJob) -> Mapping[str, Any]:
        raise ValueError(words)

    def odd(_job: TaskJob) -> Mapping[str, Any]:
        return {"x": words}

    for job, kind in (("a", "odd"), ("b", "fail")):
        shop.bus.publish(envelope(job, f"{kind}:x", max_retries=1), 1)
    work_off(worker(shop.bus, "w", {"odd": odd, "fail": fail}, clock=shop.ticks))
    assert len(shop.bus.dead_letters) == 2
    for _, why in shop.bus.dead_letters:
        why.encode()


def test_it_waits_for_no_bus_that_is_away(shop: Shop) -> None:
    """A node that ends waits for what is not done, not for a bus that takes no result."""
    gate = Gate()
    shop.bus.publish(envelope("a", "wait:x"), 1)
    one = worker(shop.bus, "w", {"wait": gate}, clock=shop.ticks)
    one.step()
    assert one.at_work
    shop.bus.cut = True
    one.step()
    assert one.at_work
    gate.go_on.set()
    until(lambda: one._works[0].ended.is_set())
    one.step()
    assert not one.at_work
