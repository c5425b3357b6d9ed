"""What every box of dead letters promises (core/ports/bus_care.py), in memory and on a real Redis server."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta, timezone

import pytest

from orchestrator.adapters.redis_bus.bus import RedisBus
from orchestrator.adapters.redis_bus.dead_letters import PAGE, RedisDeadLetters
from orchestrator.core.ports.bus_care import DeadLetterBox, LetterKind, PutBack
from orchestrator.core.ports.mission_bus import MAX_ENVELOPE_BYTES, GivenUp, ReceivedResult, Requeued
from orchestrator.workflow.delegation.dead_letter_desk import is_letter_id, letter_json
from tests.buses import envelope, result
from tests.memory_bus import MemoryBus
from tests.redis_server import RedisServer, redis_server

PREFIXES = (f"d{number}" for number in itertools.count())


@dataclass
class Desk:
    """A bus and its box."""

    bus: MemoryBus | RedisBus
    box: DeadLetterBox

    def kill(self, job: str, **more: object) -> None:
        """A mission that nobody can do."""
        self.bus.publish(envelope(job, **more), 1)  # type: ignore[arg-type]
        (held,) = self.bus.claim("w", 1)
        assert self.bus.give_up(held, GivenUp.FINAL, f"{job} is impossible") is Requeued.DEAD


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    """One server for the module."""
    with redis_server("--appendonly", "no") as running:
        yield running


@pytest.fixture(params=["memory", "redis"])
def desk(request: pytest.FixtureRequest) -> Desk:
    """An empty bus."""
    if request.param == "memory":
        memory = MemoryBus(lambda: 0.0)
        return Desk(memory, memory)
    running: RedisServer = request.getfixturevalue("server")
    bus = running.bus(next(PREFIXES))
    return Desk(bus, RedisDeadLetters(bus))


def test_the_newest_comes_first(desk: Desk) -> None:
    """With its name, its reason and its length; the envelope only where one letter is asked for."""
    assert desk.box.letters(10) == []
    for job in ("a", "b", "c"):
        desk.kill(job)
    found = desk.box.letters(2)
    assert [(each.job_id, each.kind, each.reason) for each in found] == [
        ("c", LetterKind.MISSION, "c is impossible"),
        ("b", LetterKind.MISSION, "b is impossible"),
    ]
    assert {each.envelope for each in found} == {""}
    whole = desk.box.letter(found[0].id)
    assert whole is not None
    assert json.loads(whole.envelope)["job_id"] == "c"
    assert replace(whole, envelope="") == found[0]
    assert len(whole.envelope) == whole.size


def test_a_mission_that_is_put_back_has_all_its_attempts(desk: Desk) -> None:
    """Under its next epoch, so that whoever had it before is stale; it is asked for again by headquarters."""
    desk.bus.publish(envelope("a", max_retries=1), 1)
    (before,) = desk.bus.claim("w", 1)
    (asked,) = desk.bus.requests(5)
    desk.bus.filed(asked)
    assert desk.bus.give_up(before, GivenUp.RETRY, "boom") is Requeued.DEAD
    (letter,) = [desk.box.letter(each.id) for each in desk.box.letters(5)]
    assert letter is not None
    assert desk.box.put_back(letter) is PutBack.QUEUED
    assert desk.box.letters(5) == []
    assert [json.loads(each.envelope)["job_id"] for each in desk.bus.requests(5)] == ["a"]
    (again,) = desk.bus.claim("w", 5)
    assert (again.epoch, again.attempt) == (before.epoch + 1, 1)
    assert not desk.bus.finish(before, result("a"))
    assert desk.bus.finish(again, result("a"))
    assert [json.loads(each.body)["status"] for each in desk.bus.results(5)] == ["SUCCESS"]


@pytest.mark.parametrize("read", [False, True])
def test_a_mission_that_is_put_back_has_not_failed(desk: Desk, read: bool) -> None:
    """The result that said so is gone, also where it was read and not settled; the others stay."""
    desk.kill("b")
    desk.kill("a")
    if read:
        assert len(desk.bus.results(5)) == 2
    letter = desk.box.letter(desk.box.letters(1)[0].id)
    assert letter is not None
    assert desk.box.put_back(letter) is PutBack.QUEUED
    assert [json.loads(each.body)["job_id"] for each in desk.bus.results(5)] == ["b"]


def test_settling_what_was_taken_back_ends_nothing(desk: Desk) -> None:
    """It was read, the mission was put back, and only then its word is said: the mission is done all the same."""
    desk.kill("a")
    (failed,) = desk.bus.results(5)
    letter = desk.box.letter(desk.box.letters(1)[0].id)
    assert letter is not None
    assert desk.box.put_back(letter) is PutBack.QUEUED
    desk.bus.settle([(failed, "a")])
    (held,) = desk.bus.claim("w", 5)
    desk.bus.settle([(failed, "a")])
    assert desk.bus.finish(held, result("a"))
    (done,) = desk.bus.results(5)
    desk.bus.settle([(done, "a")])
    assert not desk.bus.publish(envelope("a"), 1), "it is done"


def test_putting_back_twice_changes_nothing(desk: Desk) -> None:
    """The second word comes too late: the letter is gone, whatever became of its mission."""
    desk.kill("a")
    letter = desk.box.letter(desk.box.letters(1)[0].id)
    assert letter is not None
    assert desk.box.put_back(letter) is PutBack.QUEUED
    assert desk.box.put_back(letter) is PutBack.GONE
    assert len(desk.bus.claim("w", 5)) == 1


def test_a_mission_that_lives_is_not_put_beside_itself(desk: Desk) -> None:
    """Of two letters of one mission the second stays."""
    desk.kill("a")
    first = desk.box.letter(desk.box.letters(1)[0].id)
    assert first is not None
    assert desk.box.put_back(first) is PutBack.QUEUED
    (held,) = desk.bus.claim("w", 1)
    assert desk.bus.give_up(held, GivenUp.FINAL, "again") is Requeued.DEAD
    second = desk.box.letter(desk.box.letters(1)[0].id)
    assert second is not None
    assert desk.box.put_back(second) is PutBack.QUEUED
    (held,) = desk.bus.claim("w", 1)
    desk.bus.set_aside(ReceivedResult(entry="1-1", body=envelope("a")), "an old copy")
    copy = desk.box.letter(desk.box.letters(1)[0].id)
    assert copy is not None
    assert desk.box.put_back(copy) is PutBack.LIVES
    assert desk.bus.finish(held, result("a"))
    assert desk.box.put_back(copy) is PutBack.LIVES
    assert len(desk.box.letters(5)) == 1


def test_what_is_dropped_is_gone(desk: Desk) -> None:
    """Once; the others stay."""
    desk.kill("a")
    desk.kill("b")
    newest, oldest = desk.box.letters(5)
    assert desk.box.drop(newest.id)
    assert not desk.box.drop(newest.id)
    assert desk.box.letter(newest.id) is None
    assert [each.id for each in desk.box.letters(5)] == [oldest.id]
    assert desk.box.put_back(replace(newest, envelope=envelope("b"))) is PutBack.GONE


def test_a_result_that_was_set_aside_is_no_mission(desk: Desk) -> None:
    """It is told apart in the list."""
    desk.bus.publish(envelope("a"), 1)
    (held,) = desk.bus.claim("w", 1)
    assert desk.bus.finish(held, result("a"))
    desk.bus.set_aside(desk.bus.results(1)[0], "a secret was found")
    (letter,) = desk.box.letters(5)
    assert (letter.kind, letter.job_id, letter.reason) == (LetterKind.RESULT, "a", "a secret was found")


# -- what only a server may hold ----------------------------------------------------------------------------------


def test_what_cannot_be_read_is_listed_too(server: RedisServer) -> None:
    """Whatever somebody put there, of any length, with and without a reason."""
    prefix = next(PREFIXES)
    box = RedisDeadLetters(server.bus(prefix))
    junk = ["no JSON", "[1]", '{"job_id": 5}', "[" * 9000, "x" * 2_000_000, '{"job_id": "n"}', ""]
    with server.client() as client:
        for text in junk:
            client.xadd(f"{prefix}:missions:dlq", {"envelope": text, "reason": "y" * 100_000})
        client.xadd(f"{prefix}:missions:dlq", {"other": "1"})
    found = box.letters(50)
    assert len(found) == len(junk) + 1
    assert {each.kind for each in found} == {LetterKind.NOTHING}
    assert max(len(each.reason) for each in found) <= 2000
    for each in found:
        whole = box.letter(each.id)
        assert whole is not None
        assert whole.kind is LetterKind.NOTHING


@pytest.mark.parametrize("nothing", [None, "", 0, False, [], {}])
def test_a_status_that_says_nothing_makes_no_result(server: RedisServer, nothing: object) -> None:
    """An envelope with an empty status is a mission; a listing and the letter agree on it, and on an empty payload."""
    prefix = next(PREFIXES)
    box = RedisDeadLetters(server.bus(prefix))
    with server.client() as client:
        for text in (envelope("a", status=nothing), json.dumps({"job_id": "b", "payload": nothing})):
            client.xadd(f"{prefix}:missions:dlq", {"envelope": text, "reason": "r"})
    found = box.letters(5)
    assert [each.kind for each in found] == [LetterKind.NOTHING, LetterKind.MISSION]
    assert [whole.kind for each in found if (whole := box.letter(each.id))] == [LetterKind.NOTHING, LetterKind.MISSION]


@pytest.mark.parametrize("entry", ["253402300800000-0", "18446744073709551615-18446744073709551615"])
def test_no_entry_is_too_late_to_be_listed(server: RedisServer, entry: str) -> None:
    """Streams take ids beyond the year 9999, and the last one that there can be."""
    prefix = next(PREFIXES)
    box = RedisDeadLetters(server.bus(prefix))
    with server.client() as client:
        client.xadd(f"{prefix}:missions:dlq", {"envelope": envelope("a"), "reason": "r"})
        client.xadd(f"{prefix}:missions:dlq", {"envelope": envelope("late"), "reason": "r"}, id=entry)
    late, early = box.letters(5)
    assert (late.id, late.when.year, early.job_id) == (entry, 9999, "a")
    assert is_letter_id(late.id)
    assert letter_json(late)["when"].startswith("9999-12-30T00:00:00")
    assert late.when.astimezone(timezone(timedelta(hours=14))).year == 9999
    whole = box.letter(entry)
    assert whole is not None
    assert box.put_back(whole) is PutBack.QUEUED


def test_what_is_cut_is_cut_between_characters(server: RedisServer) -> None:
    """A listing and a whole letter say the same, and both can be written as UTF-8, whatever somebody put there."""
    prefix = next(PREFIXES)
    box = RedisDeadLetters(server.bus(prefix))
    with server.client() as client:
        for text, reason in [
            (envelope("x" + "é" * 3000).encode(), ("x" + "é" * 3000).encode()),
            (envelope("y" + "😀" * 3000).encode(), b"\xff\xfe broken"),
            (b"\xc3", b"\xe2\x82"),
        ]:
            client.xadd(f"{prefix}:missions:dlq", {"envelope": text, "reason": reason})
    found = box.letters(5)
    assert [(each.job_id[:2], len(each.job_id)) for each in found] == [("", 0), ("y😀", 200), ("xé", 200)]
    assert [each.reason[:8] for each in found] == ["\ufffd", "\ufffd\ufffd broke", "xééééééé"]
    assert len(found[2].reason) == 2000
    for each in found:
        assert (each.job_id + each.reason).encode()
        whole = box.letter(each.id)
        assert whole is not None
        assert replace(whole, envelope="") == each
        assert letter_json(whole)["envelope"].encode()


def test_what_was_too_long_is_shown_although_it_was_cut(server: RedisServer) -> None:
    """A worker's server cuts it at a number of bytes, in the middle of a character."""
    prefix = next(PREFIXES)
    bus = server.bus(prefix)
    bus.make_groups()
    with server.client() as client:
        client.xadd(f"{prefix}:missions:delegation", {"envelope": "x" + "é" * MAX_ENVELOPE_BYTES})
    assert bus.claim("w", 5) == []
    box = RedisDeadLetters(bus)
    (letter,) = [box.letter(each.id) for each in box.letters(5)]
    assert letter is not None
    assert letter.size == MAX_ENVELOPE_BYTES
    assert letter_json(letter)["envelope"].encode().endswith("é\ufffd".encode())


def test_many_come_page_by_page(server: RedisServer) -> None:
    """Each once, in their order, as many as were asked for."""
    prefix = next(PREFIXES)
    box = RedisDeadLetters(server.bus(prefix))
    with server.client() as client:
        for number in range(2 * PAGE + 5):
            client.xadd(f"{prefix}:missions:dlq", {"envelope": envelope(f"m{number}"), "reason": "r"})
    names = [each.job_id for each in box.letters(500)]
    assert names == [f"m{number}" for number in reversed(range(2 * PAGE + 5))]
    assert [each.job_id for each in box.letters(PAGE + 1)] == names[: PAGE + 1]


@pytest.mark.parametrize(("priority", "stream"), [(9, ":high"), (0, ":low"), (5, ""), ("x", "")])
def test_it_goes_back_to_its_class(server: RedisServer, priority: object, stream: str) -> None:
    """As it was published."""
    prefix = next(PREFIXES)
    bus = server.bus(prefix)
    bus.publish(envelope("a", priority=priority), 1)
    (held,) = bus.claim("w", 1)
    bus.give_up(held, GivenUp.FINAL, "no")
    box = RedisDeadLetters(bus)
    letter = box.letter(box.letters(1)[0].id)
    assert letter is not None
    bus.trim()
    assert box.put_back(letter) is PutBack.QUEUED
    with server.client() as client:
        last = client.xrevrange(f"{prefix}:missions:delegation{stream}", count=1)
    assert json.loads(last[0][1]["envelope"])["job_id"] == "a"
