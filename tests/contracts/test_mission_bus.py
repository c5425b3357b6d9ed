"""What every bus of missions promises (core/ports/mission_bus.py), in memory and on a real Redis server."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from missions.errors import BadName
from missions.mission import slug
from orchestrator.adapters.redis_bus.bus import RedisBus
from orchestrator.adapters.redis_bus.stream_names import StreamNames
from orchestrator.core.errors import BusUnavailable
from orchestrator.core.ports.mission_bus import (
    LEDGER,
    MAX_ENVELOPE_BYTES,
    Delivery,
    GivenUp,
    PriorityClass,
    ReceivedResult,
    Requeued,
    priority_class,
)
from tests.memory_bus import MemoryBus
from tests.redis_server import RedisServer, entries, redis_server
from tests.waiting import PATIENCE

PREFIXES = (f"p{number}" for number in itertools.count())
LEASE = 3600.0
"""Seconds: none of them passes by itself while a test runs."""


@dataclass
class Place:
    """One bus, and what a test needs to know of it besides."""

    bus: MemoryBus | RedisBus
    pass_time: Callable[[], None]
    dead: Callable[[], list[tuple[str, str]]]


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    """One server for the module; each test has a prefix of its own."""
    with redis_server("--appendonly", "no") as running:
        yield running


@pytest.fixture(params=["memory", "redis"])
def place(request: pytest.FixtureRequest) -> Place:
    """An empty bus."""
    if request.param == "memory":
        now = [100.0]
        memory = MemoryBus(lambda: now[0])
        return Place(memory, lambda: now.__setitem__(0, now[0] + 2 * LEASE), lambda: list(memory.dead_letters))
    running: RedisServer = request.getfixturevalue("server")
    prefix = next(PREFIXES)

    def dead() -> list[tuple[str, str]]:
        return [(row["envelope"], row["reason"]) for row in entries(running, f"{prefix}:missions:dlq")]

    return Place(running.bus(prefix), lambda: pass_time(running, prefix), dead)


def pass_time(server: RedisServer, prefix: str) -> None:
    """Has the server believe that each holder was last heard of two leases ago."""
    names = StreamNames(prefix=prefix)
    with server.client() as client:
        for stream in (each for each in names.delegation if client.exists(each)):
            for row in client.xpending_range(stream, names.workers, "-", "+", 100):
                words = (stream, names.workers, row["consumer"], 0, row["message_id"])
                client.execute_command("XCLAIM", *words, "IDLE", int(2 * LEASE * 1000), "JUSTID")


def envelope(job: str, key: str = "", **more: object) -> str:
    """A mission as it is sent."""
    body = {"job_id": job, "idempotency_key": key, "payload": {"task": "general_task:do it", "context": {}}}
    return json.dumps(body | more)


def result(job: str, status: str = "SUCCESS") -> str:
    """A result as it is sent."""
    return json.dumps({"job_id": job, "status": status, "result": {}, "error": ""})


def held(place: Place, worker: str = "a") -> Delivery:
    """The one mission that is there."""
    (delivery,) = place.bus.claim(worker, 5)
    return delivery


def statuses(place: Place) -> list[tuple[str, str]]:
    """The results that are not settled: of which mission, and how it ended."""
    return [(body["job_id"], body["status"]) for body in (json.loads(r.body) for r in place.bus.results(100))]


def test_a_mission_is_there_once(place: Place) -> None:
    """The same idempotency key again adds nothing, whatever else the envelope says, also after its end."""
    assert place.bus.publish(envelope("a", "k"), 1)
    assert not place.bus.publish(envelope("b", "k"), 9)
    assert place.bus.publish(envelope("a", "other"), 1)
    assert not place.bus.publish(envelope("k"), 1), "where there is no key, the job's name is it"
    first, second = place.bus.claim("a", 5)
    assert place.bus.finish(first, result("a"))
    assert not place.bus.publish(envelope("a", "k"), 1)
    assert place.bus.claim("a", 5) == []
    assert second.job != first.job


@pytest.mark.parametrize("text", ["", "[]", "{", "null", '{"job_id": 4}', '{"job_id": ""}', '{"payload": {}}'])
def test_what_is_no_envelope_is_refused_at_the_door(place: Place, text: str) -> None:
    """Nothing of it comes onto the bus."""
    with pytest.raises(ValueError, match=r"job_id|Expecting"):
        place.bus.publish(text, 1)
    assert place.bus.claim("a", 1) == []


def test_a_huge_envelope_is_refused_at_the_door(place: Place) -> None:
    """A message has a limit."""
    with pytest.raises(ValueError, match="job_id"):
        place.bus.publish(envelope("a", padding="x" * 600_000), 1)


def test_the_highest_class_goes_first(place: Place) -> None:
    """Within a class the order is kept."""
    for job, priority in (("low", 0), ("n1", 1), ("n2", 6), ("high", 7)):
        assert place.bus.publish(envelope(job), priority)
    taken = place.bus.claim("a", 3) + place.bus.claim("b", 3)
    assert [json.loads(each.envelope)["job_id"] for each in taken] == ["high", "n1", "n2", "low"]
    assert [each.place.value for each in taken] == ["high", "normal", "normal", "low"]


@pytest.mark.parametrize(("priority", "expected"), [(0, "low"), (1, "normal"), (6, "normal"), (7, "high"), (9, "high")])
def test_each_priority_has_a_class(priority: int, expected: str) -> None:
    """Nothing is left over."""
    assert priority_class(priority) is PriorityClass(expected)


def test_each_mission_goes_to_one_of_many_workers(place: Place) -> None:
    """Eight workers at once get sixty missions, each one once, all in their first epoch."""
    for number in range(60):
        assert place.bus.publish(envelope(f"m{number}"), 1)
    taken: list[Delivery] = []

    def work(name: str) -> None:
        while got := place.bus.claim(name, 3):
            taken.extend(got)

    threads = [threading.Thread(target=work, args=(f"w{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert len(taken) == 60
    assert len({each.job for each in taken}) == 60
    assert {(each.epoch, each.attempt) for each in taken} == {(1, 1)}
    assert len({each.token for each in taken}) == 60


def test_a_result_is_taken_once(place: Place) -> None:
    """Whoever is not sure that it arrived says it again; one result is there."""
    place.bus.publish(envelope("a"), 1)
    mine = held(place)
    assert place.bus.finish(mine, result("a"))
    assert place.bus.finish(mine, result("a"))
    assert statuses(place) == [("a", "SUCCESS")]
    (received,) = place.bus.results(5)
    assert (received.worker, received.epoch, received.key) == ("a", 1, "a")


def test_a_silent_holder_is_fenced(place: Place) -> None:
    """After a take-over the epoch is the next, and nothing that the old holder says counts any more."""
    place.bus.publish(envelope("a"), 1)
    old = held(place, "old")
    assert place.bus.take_over("new", LEASE, 5) == [], "it is not silent for long enough"
    place.pass_time()
    (new,) = place.bus.take_over("new", LEASE, 5)
    assert (new.epoch, new.attempt, new.worker, new.job) == (2, 2, "new", old.job)
    assert not place.bus.renew(old)
    assert not place.bus.finish(old, result("a", "FAILED"))
    assert place.bus.give_up(old, GivenUp.FINAL, "no") is Requeued.STALE
    assert statuses(place) == []
    assert place.bus.finish(new, result("a"))
    assert statuses(place) == [("a", "SUCCESS")]
    assert not place.bus.finish(old, result("a"))
    assert place.dead() == []


def test_a_worker_that_takes_over_from_itself_has_one_claim(place: Place) -> None:
    """After a restart under the same name the older run's word does not count."""
    place.bus.publish(envelope("a"), 1)
    before = held(place, "same")
    place.pass_time()
    (after,) = place.bus.take_over("same", LEASE, 5)
    assert not place.bus.finish(before, result("a"))
    assert place.bus.finish(after, result("a"))


def test_a_holder_that_renews_keeps_its_mission(place: Place) -> None:
    """Its lease begins anew each time, and ends with its result."""
    place.bus.publish(envelope("a"), 1)
    mine = held(place)
    place.pass_time()
    assert place.bus.renew(mine)
    assert place.bus.take_over("b", LEASE, 5) == []
    assert place.bus.finish(mine, result("a"))
    assert not place.bus.renew(mine)
    place.pass_time()
    assert place.bus.take_over("b", LEASE, 5) == []


def test_what_failed_is_tried_again_until_it_is_dead(place: Place) -> None:
    """`max_retries` attempts in all; then the dead letters have it with its reason, and the ledger a failed result."""
    place.bus.publish(envelope("a", max_retries=2), 1)
    first = held(place)
    assert place.bus.give_up(first, GivenUp.RETRY, "boom") is Requeued.QUEUED
    assert place.bus.give_up(first, GivenUp.RETRY, "boom") is Requeued.QUEUED, "said twice, it counts once"
    second = held(place)
    assert (second.epoch, second.attempt) == (2, 2)
    assert place.bus.give_up(second, GivenUp.RETRY, "boom again") is Requeued.DEAD
    assert place.bus.give_up(second, GivenUp.RETRY, "boom again") is Requeued.DEAD
    assert [reason for _, reason in place.dead()] == ["boom again"]
    assert json.loads(place.dead()[0][0])["job_id"] == "a"
    assert statuses(place) == [("a", "FAILED")]
    assert place.bus.claim("a", 5) == []
    assert not place.bus.publish(envelope("a"), 1)


def test_what_nobody_can_do_is_dead_at_once(place: Place) -> None:
    """No attempt is wasted on it, and it never goes round."""
    place.bus.publish(envelope("a"), 1)
    assert place.bus.give_up(held(place), GivenUp.FINAL, "unknown task type x") is Requeued.DEAD
    assert [reason for _, reason in place.dead()] == ["unknown task type x"]
    assert place.bus.claim("a", 5) == []


def test_what_was_not_tried_costs_no_attempt(place: Place) -> None:
    """A worker that ends gives back what it has; it is not the mission's fault."""
    place.bus.publish(envelope("a", max_retries=1), 1)
    for _ in range(4):
        assert place.bus.give_up(held(place), GivenUp.RELEASE, "") is Requeued.QUEUED
    last = held(place)
    assert (last.epoch, last.attempt) == (5, 1)
    assert place.bus.finish(last, result("a"))


def test_what_the_ledger_carries_is_the_workers_no_more(place: Place) -> None:
    """No result is there until the ledger has one, and then one, however often it is said."""
    place.bus.publish(envelope("a", "k"), 1)
    mine = held(place)
    assert place.bus.give_up(mine, GivenUp.LEDGER, "") is Requeued.CARRIED
    assert place.bus.give_up(mine, GivenUp.LEDGER, "") is Requeued.CARRIED
    assert statuses(place) == []
    place.pass_time()
    assert place.bus.claim("w", 5) + place.bus.take_over("w", LEASE, 5) == []
    assert place.bus.answer("k", result("a"))
    assert not place.bus.answer("k", result("a", "FAILED"))
    assert statuses(place) == [("a", "SUCCESS")]


def test_what_is_answered_is_not_answered_again(place: Place) -> None:
    """Neither what a worker handed in, nor what is dead; and a mission that this bus never had is."""
    for job in ("a", "b"):
        place.bus.publish(envelope(job), 1)
    first, second = place.bus.claim("w", 2)
    assert place.bus.finish(first, result("a"))
    assert place.bus.give_up(second, GivenUp.FINAL, "no") is Requeued.DEAD
    assert not place.bus.answer("a", result("a"))
    assert not place.bus.answer("b", result("b"))
    assert place.bus.answer("c", result("c"))
    assert not place.bus.publish(envelope("c"), 1)
    assert statuses(place) == [("a", "SUCCESS"), ("b", "FAILED"), ("c", "SUCCESS")]


def test_a_mission_that_kills_its_workers_ends(place: Place) -> None:
    """Each take-over counts; when the attempts are spent it is dead, and nobody is given it."""
    place.bus.publish(envelope("a", max_retries=2), 1)
    held(place)
    place.pass_time()
    assert [each.attempt for each in place.bus.take_over("b", LEASE, 5)] == [2]
    place.pass_time()
    assert place.bus.take_over("c", LEASE, 5) == []
    assert "attempts are spent" in place.dead()[0][1]
    assert statuses(place) == [("a", "FAILED")]
    place.pass_time()
    assert place.bus.take_over("c", LEASE, 5) == []
    assert len(place.dead()) == 1


def test_requests_come_until_they_are_filed(place: Place) -> None:
    """A recorder that died before it filed one is given it again, whether or not a worker has it."""
    place.bus.publish(envelope("a"), 1)
    place.bus.publish(envelope("b"), 8)
    mine = place.bus.claim("w", 1)
    again = place.bus.requests(10)
    assert sorted(json.loads(each.envelope)["job_id"] for each in again) == ["a", "b"]
    assert place.bus.requests(10) == again
    for each in again:
        place.bus.filed(each)
    assert place.bus.requests(10) == []
    assert place.bus.finish(mine[0], result("b"))


def test_what_the_ledger_has_is_no_request(place: Place) -> None:
    """Neither what headquarters itself put there, nor what comes again after it was filed."""
    assert place.bus.publish(envelope("a"), 1, filed=True)
    place.bus.publish(envelope("b"), 1)
    (request,) = place.bus.requests(10)
    assert json.loads(request.envelope)["job_id"] == "b"
    place.bus.filed(request)
    for each in place.bus.claim("w", 5):
        assert place.bus.give_up(each, GivenUp.RETRY, "again") is Requeued.QUEUED
    assert place.bus.requests(10) == []


def test_what_the_ledger_refuses_is_dead(place: Place) -> None:
    """Nobody works on it, and its producer is told; what is done already stays done."""
    place.bus.publish(envelope("a"), 1)
    (request,) = place.bus.requests(10)
    place.bus.filed(request, "its name is taken")
    assert place.bus.claim("w", 5) == []
    assert [reason for _, reason in place.dead()] == ["its name is taken"]
    assert statuses(place) == [("a", "FAILED")]
    place.bus.publish(envelope("b"), 1)
    assert place.bus.finish(held(place), result("b"))
    (late,) = place.bus.requests(10)
    place.bus.filed(late, "too late")
    assert len(place.dead()) == 1


def test_a_worker_whose_mission_the_ledger_refuses_is_stale(place: Place) -> None:
    """The refusal fences it."""
    place.bus.publish(envelope("a"), 1)
    mine = held(place)
    (request,) = place.bus.requests(10)
    place.bus.filed(request, "no")
    assert not place.bus.renew(mine)
    assert not place.bus.finish(mine, result("a"))
    assert statuses(place) == [("a", "FAILED")]


def test_results_come_until_they_are_settled(place: Place) -> None:
    """A recorder that died between its push and its word is given the same again."""
    for job in ("a", "b", "c"):
        place.bus.publish(envelope(job), 1)
        assert place.bus.finish(held(place), result(job))
    first = place.bus.results(2)
    assert [json.loads(each.body)["job_id"] for each in first] == ["a", "b"]
    assert place.bus.results(2) == first
    place.bus.settle([(each, json.loads(each.body)["job_id"]) for each in first])
    assert statuses(place) == [("c", "SUCCESS")]


def test_what_the_ledger_has_settled_is_worked_on_no_more(place: Place) -> None:
    """The ledger had its result by another way: whoever holds it is stale, whoever would get it does not."""
    place.bus.publish(envelope("a"), 1)
    place.bus.publish(envelope("b"), 1)
    (mine,) = place.bus.claim("w", 1)
    said = ReceivedResult(entry="0-1", body=result("a"))
    place.bus.settle([(said, "a"), (said, "b")])
    assert not place.bus.renew(mine)
    assert place.bus.claim("w", 5) == []
    place.pass_time()
    assert place.bus.take_over("v", LEASE, 5) == []
    assert place.dead() == []


@pytest.mark.parametrize("dead", [False, True])
def test_what_is_reopened_is_published_again(place: Place, dead: bool) -> None:
    """The ledger took no result of it: under the same key, with its next epoch and all its attempts."""
    place.bus.publish(envelope("a", max_retries=1), 1)
    first = held(place)
    if dead:
        assert place.bus.give_up(first, GivenUp.RETRY, "boom") is Requeued.DEAD
    else:
        assert place.bus.finish(first, result("a"))
    (received,) = place.bus.results(5)
    place.bus.settle([(received, "a")], {"a"})
    assert statuses(place) == []
    assert place.bus.claim("w", 5) == []
    assert place.bus.publish(envelope("a", max_retries=1), 1, filed=True)
    assert not place.bus.publish(envelope("a"), 1)
    again = held(place)
    assert (again.epoch, again.attempt) == (2, 1)
    assert not place.bus.finish(first, result("a"))
    assert place.bus.finish(again, result("a"))


def test_what_is_reopened_while_somebody_works_on_it_stays_with_them(place: Place) -> None:
    """A foreign word that was refused takes nothing away."""
    place.bus.publish(envelope("a"), 1)
    mine = held(place)
    place.bus.settle([(ReceivedResult(entry="0-1", body=result("a")), "a")], {"a"})
    assert place.bus.renew(mine)
    assert not place.bus.publish(envelope("a"), 1)
    assert place.bus.finish(mine, result("a"))


def test_what_is_set_aside_lies_with_the_dead(place: Place) -> None:
    """With the reason, until a person has looked."""
    place.bus.publish(envelope("a"), 1)
    assert place.bus.finish(held(place), result("a"))
    (received,) = place.bus.results(5)
    place.bus.set_aside(received, "the ledger has no room")
    assert place.dead() == [(result("a"), "the ledger has no room")]
    assert place.bus.results(5) == [received]


def test_what_a_worker_left_to_the_ledger_may_be_refused(place: Place) -> None:
    """A worker saw another mission of that name there and was faster than headquarters: its producer is told."""
    place.bus.publish(envelope("a"), 1)
    assert place.bus.give_up(held(place), GivenUp.LEDGER, "") is Requeued.CARRIED
    (request,) = place.bus.requests(10)
    place.bus.filed(request, "its name is taken")
    assert [reason for _, reason in place.dead()] == ["its name is taken"]
    assert statuses(place) == [("a", "FAILED")]


def test_the_ledgers_word_is_no_nodes(place: Place) -> None:
    """Also a node that is called `ledger` has its results taken as its own."""
    place.bus.publish(envelope("a"), 1)
    assert place.bus.finish(held(place, "ledger"), result("a"))
    assert place.bus.answer("b", result("b"))
    by = {json.loads(each.body)["job_id"]: each.worker for each in place.bus.results(5)}
    assert by == {"a": "ledger", "b": LEDGER}
    with pytest.raises(BadName):
        slug(LEDGER)


def test_a_huge_result_is_empty_and_the_others_come(place: Place) -> None:
    """Nothing that somebody puts there is read without a bound, and none that stands behind it is lost."""
    for job in ("a", "b", "c"):
        place.bus.publish(envelope(job), 1)
    first, second, third = place.bus.claim("w", 5)
    assert place.bus.finish(first, result("a"))
    assert place.bus.finish(second, "x" * (2 * MAX_ENVELOPE_BYTES + 1))
    assert place.bus.finish(third, result("c"))
    found = place.bus.results(10)
    assert [each.body for each in found] == [result("a"), "", result("c")]
    assert place.bus.results(10) == found
    place.bus.settle([(each, "") for each in found])
    assert place.bus.results(10) == []


def test_many_large_results_come_in_several_pages(server: RedisServer) -> None:
    """A look takes a bounded part of them, first what it read before; in the end each was there."""
    bus = server.bus(next(PREFIXES))
    bodies = [f"{number:02}{'x' * 900_000}" for number in range(24)]
    for number, body in enumerate(bodies):
        bus.publish(envelope(f"m{number}"), 1)
        (mine,) = bus.claim("w", 1)
        assert bus.finish(mine, body)
    assert len(bus.results(100)) < 24
    seen: list[str] = []
    while found := bus.results(100):
        assert sum(len(each.body) for each in found) < 40 * MAX_ENVELOPE_BYTES
        seen += [each.body for each in found]
        bus.settle([(each, "") for each in found])
    assert seen == bodies


def test_many_large_requests_come_in_several_rounds(server: RedisServer) -> None:
    """A round has a bound in bytes as in number, the same again until it is filed; in the end each was there once."""
    bus = server.bus(next(PREFIXES))
    for number in range(40):
        bus.publish(envelope(f"m{number}", padding="x" * 500_000), number % 10)
    first = bus.requests(100)
    assert bus.requests(100) == first
    seen: list[str] = []
    while found := bus.requests(100):
        assert sum(len(each.envelope) for each in found) < 30 * MAX_ENVELOPE_BYTES
        seen += [json.loads(each.envelope)["job_id"] for each in found]
        for each in found:
            bus.filed(each)
    assert sorted(seen) == sorted(f"m{number}" for number in range(40))


def test_a_request_behind_many_that_are_none_is_found(server: RedisServer) -> None:
    """What is filed already, or is no mission, is read in bounded rounds and hides nothing that stands behind it."""
    prefix = next(PREFIXES)
    bus = server.bus(prefix)
    for number in range(30):
        bus.publish(envelope(f"m{number}"), 1, filed=True)
    with server.client() as client:
        for _ in range(30):
            client.xadd(f"{prefix}:missions:delegation", {"x": "no mission"})
    bus.publish(envelope("wanted"), 1)
    assert [json.loads(each.envelope)["job_id"] for each in bus.requests(1)] == ["wanted"]
    assert [json.loads(each.envelope)["job_id"] for each in bus.requests(1)] == ["wanted"]


def test_a_flushed_server_is_another_generation(server: RedisServer) -> None:
    """The same run and the same number of groups: only a word of chance shows that everything is gone."""
    prefix = next(PREFIXES)
    bus = server.bus(prefix)
    bus.requests(1)
    seen = {bus.generation()}
    with server.client() as client:
        for _ in range(3):
            client.delete(*client.keys(f"{prefix}:*"))
            bus.requests(1)
            seen.add(bus.generation())
    assert len(seen) == 4


def test_what_was_taken_over_is_there_though_a_later_page_fails(server: RedisServer) -> None:
    """Its attempt counts already, and nobody else may have it for a lease."""
    prefix = next(PREFIXES)
    bus = server.bus(prefix)
    bus.publish(envelope("high"), 9)
    bus.publish(envelope("low"), 0)
    assert len(bus.claim("dead", 5)) == 2
    pass_time(server, prefix)
    run = bus._run

    def failing(name: str, keys: list[str], words: list[object]) -> object:
        if keys == [bus.names.missions(PriorityClass.NORMAL)]:
            raise BusUnavailable("test", "cut")
        return run(name, keys, words)

    bus._run = failing  # type: ignore[method-assign, assignment]
    (taken,) = bus.take_over("w", LEASE, 5)
    assert json.loads(taken.envelope)["job_id"] == "high"
    with pytest.raises(BusUnavailable):
        bus.take_over("w", LEASE, 5)


def test_trimming_drops_nothing_that_somebody_needs(place: Place) -> None:
    """Neither what nobody has read, nor what a worker holds, nor what is not filed or settled."""
    for number in range(12):
        place.bus.publish(envelope(f"m{number}"), 1)
    mine = place.bus.claim("w", 4)
    place.bus.trim()
    assert place.bus.finish(mine[2], result("m2"))
    place.bus.trim()
    requests = place.bus.requests(100)
    assert len(requests) >= 11
    for each in requests:
        place.bus.filed(each)
    place.bus.trim()
    assert place.bus.finish(mine[0], result("m0"))
    assert place.bus.give_up(mine[1], GivenUp.RETRY, "again") is Requeued.QUEUED
    place.bus.trim()
    rest = place.bus.claim("w", 100)
    assert len(rest) == 9
    assert sorted(statuses(place)) == [("m0", "SUCCESS"), ("m2", "SUCCESS")]


def test_one_generation_has_one_name(place: Place) -> None:
    """Nothing is looked at again without need."""
    place.bus.publish(envelope("a"), 1)
    place.bus.claim("w", 1)
    assert place.bus.generation() == place.bus.generation()
