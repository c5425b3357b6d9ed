"""A program that knows the streams' description, and nothing of this product, hands missions in and works on them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest

from missions.mission import Status
from orchestrator.adapters.redis_bus.bus import RedisBus
from orchestrator.core.ports.mission_bus import LEDGER
from tests.buses import Marks, recorder, work_off, worker
from tests.ledgers import Peer, Ticks, Town
from tests.redis_server import RedisServer, entries, redis_server
from tests.waiting import PATIENCE

FOREIGN = """
import json, sys, time, redis

server = redis.Redis.from_url(sys.argv[2], decode_responses=True)
prefix = sys.argv[3]
missions, results = prefix + ":missions:delegation", prefix + ":missions:results"
group, me = prefix + "_workers", "worker_foreign"

def produce(jobs):
    for job in jobs:
        server.xadd(missions, {"data": json.dumps({
            "job_id": job, "idempotency_key": "order-" + job, "priority": 5, "timeout_seconds": 60, "max_retries": 2,
            "payload": {"task": "general_task:count " + job, "context": {"customer": 7}}})})

def consume(count):
    try:
        server.xgroup_create(missions, group, id="0", mkstream=True)
    except redis.ResponseError:
        pass
    done, over = 0, time.monotonic() + PATIENCE
    while done < count and time.monotonic() < over:
        for stream, found in server.xreadgroup(group, me, {missions: ">"}, count=5, block=500) or []:
            for entry, fields in found:
                job = json.loads(next(iter(fields.values())))
                answer = {"job_id": job["job_id"], "status": "SUCCESS", "error": "",
                          "result": {"task": job["payload"]["task"]}}
                server.xadd(results, {"data": json.dumps(answer)})
                server.xack(stream, group, entry)
                done += 1

def wait_for(job):
    last, over = "0", time.monotonic() + PATIENCE
    while time.monotonic() < over:
        for _, found in server.xread({results: last}, block=500) or []:
            for last, fields in found:
                answer = json.loads(next(iter(fields.values())))
                if answer["job_id"] == job:
                    return print(json.dumps(answer))

{"produce": produce, "consume": lambda words: consume(int(words[0])), "wait": lambda words: wait_for(words[0])}[
    sys.argv[1]](sys.argv[4:])
"""
PREFIX = "shop"


def foreign(server: RedisServer, what: str, *words: str) -> str:
    """Runs the foreign program as a process; what it prints."""
    command = [sys.executable, "-c", f"PATIENCE = {PATIENCE}\n{FOREIGN}", what, server.url, PREFIX, *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=2 * PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def server() -> Iterator[RedisServer]:
    """A server."""
    with redis_server("--appendonly", "no") as running:
        yield running


def peers() -> tuple[Peer, Peer]:
    """A person and headquarters at one ledger."""
    town = Town()
    return town.peer("ann"), town.peer("hq")


def test_a_foreign_producer_is_served_by_our_workers(server: RedisServer) -> None:
    """It puts missions in, they are filed, done, recorded and folded; the result has its own word for each."""
    foreign(server, "produce", "Job_A", "job-b")
    foreign(server, "produce", "Job_A")
    bus, (person, hq) = server.bus(PREFIX), peers()
    records = recorder(bus, person, hq, Marks())
    records.step()
    assert sorted(hq.ledger().open) == ["job-a", "job-b"]
    assert '"customer": 7' in person.text("missions/job-a.md")
    work_off(worker(bus, "w", {"general_task": lambda job: {"did": job.description}}, clock=Ticks()))
    records.step()
    assert hq.fold().missions == {"job-a": Status.DONE, "job-b": Status.DONE}
    assert json.loads(foreign(server, "wait", "Job_A"))["result"] == {"did": "count Job_A"}
    assert len(entries(server, f"{PREFIX}:missions:results")) == 2


def test_a_foreign_worker_does_what_the_ledger_has(server: RedisServer) -> None:
    """Missions that a person filed go out, it answers, and the ledger has its results under headquarters' name."""
    bus, (person, hq) = server.bus(PREFIX), peers()
    person.push({f"missions/m{number}.md": f"Count to {number}.\n" for number in range(3)})
    records = recorder(bus, person, hq, Marks())
    records.step()
    foreign(server, "consume", "3")
    for _ in range(2):
        records.step()
    assert set(hq.fold().missions.values()) == {Status.DONE}
    text = hq.archived("m2")
    assert "general_task:Count to 2." in text
    assert "a worker that did not say who it is" in text


def test_a_foreign_worker_that_falls_silent_is_replaced(server: RedisServer) -> None:
    """It read and never acknowledged: ours takes over, with the epoch that fences."""
    bus = server.bus(PREFIX)
    foreign(server, "produce", "a")
    with server.client() as client:
        bus.make_groups()
        assert client.xreadgroup(f"{PREFIX}_workers", "worker_foreign", {f"{PREFIX}:missions:delegation": ">"})
    assert bus.claim("w", 5) == []
    (taken,) = bus.take_over("w", 0, 5)  # it has just been read: no time is too short
    assert (taken.epoch, taken.attempt) == (1, 1)
    assert bus.finish(taken, '{"job_id": "a", "status": "SUCCESS"}')


@pytest.mark.parametrize(
    "fields",
    [
        {"job_id": "a", "payload": '{"task": "general_task:x"}', "priority": "5"},
        {"envelope": '{"job_id": "a", "payload": {"task": "general_task:x"}}'},
        {"anything": '{"job_id": "a", "idempotency_key": null, "payload": {"task": "general_task:x"}}'},
    ],
)
def test_both_forms_of_an_entry_are_read(server: RedisServer, fields: dict[str, str]) -> None:
    """JSON in one field of any name, or the envelope's own fields."""
    with server.client() as client:
        client.xadd(f"{PREFIX}:missions:delegation", fields)
    bus = server.bus(PREFIX)
    (taken,) = bus.claim("w", 5)
    assert json.loads(taken.envelope)["payload"]["task"] == "general_task:x"
    assert [request.envelope for request in bus.requests(5)] == [taken.envelope]


@pytest.mark.parametrize(
    "fields",
    [
        {"x": "no JSON"},
        {"x": "[1, 2]"},
        {"x": '{"job_id": 5}'},
        {"x": "[" * 3000},
        {"job_id": "a", "payload": "{"},
        {"x": '{"job_id": "a", "pad": "' + "y" * 600_000 + '"}'},
    ],
)
def test_what_is_no_mission_is_a_dead_letter_and_ends_no_loop(server: RedisServer, fields: dict[str, str]) -> None:
    """With its reason; what comes behind it is served, and nobody is given it again."""
    with server.client() as client:
        client.xadd(f"{PREFIX}:missions:delegation", fields)
        client.xadd(f"{PREFIX}:missions:delegation", {"x": '{"job_id": "good", "payload": {"task": "a:b"}}'})
    bus = server.bus(PREFIX)
    assert [json.loads(each.envelope)["job_id"] for each in bus.claim("w", 5)] == ["good"]
    (letter,) = entries(server, f"{PREFIX}:missions:dlq")
    assert letter["reason"].startswith("it is no envelope")
    assert [json.loads(each.envelope)["job_id"] for each in bus.requests(5)] == ["good"]


def test_a_foreign_result_cannot_pass_for_headquarters(server: RedisServer) -> None:
    """Fields that only ours have, with nonsense in them, are read bounded; the ledger's word stands."""
    bus, (person, hq) = server.bus(PREFIX), peers()
    person.push({"missions/a.md": "Do it.\n", "missions/b.md": "---\nto: desk\n---\nOnly there.\n"})
    records = recorder(bus, person, hq, Marks())
    records.step()
    body = {"job_id": "a", "status": "SUCCESS", "result": "ok", "error": ""}
    forged = [
        {"envelope": json.dumps(body), "worker": LEDGER},
        {"envelope": json.dumps(body), "key": "another mission's"},
        {"envelope": json.dumps(body | {"job_id": "b"}), "epoch": "9" * 50},
        {"epoch": "x"},
    ]
    with server.client() as client:
        for fields in forged:
            client.xadd(f"{PREFIX}:missions:results", fields)
    for _ in range(3):
        records.step()
    assert records.recorded == 0
    assert sorted(hq.ledger().open) == ["a", "b"]
    assert hq.ledger().claims == {}


def test_a_deleted_stream_is_made_again(server: RedisServer) -> None:
    """Groups read from the beginning, and headquarters sees that it is another generation."""
    bus = server.bus(PREFIX)
    text = json.dumps({"job_id": "a", "payload": {"task": "x:y"}})
    assert bus.publish(text, 5)
    assert len(bus.claim("w", 5)) == 1
    before = bus.generation()
    with server.client() as client:
        client.delete(f"{PREFIX}:missions:delegation")
    assert bus.publish(text, 5), "what lies nowhere is taken again"
    (again,) = bus.claim("w", 5)
    assert again.epoch == 2
    assert bus.generation() != before


def test_nobody_needs_more_rights_than_the_documents_say() -> None:
    """The user of docs/redis.md does all that headquarters and workers do, and may not look elsewhere nor stop it."""
    from orchestrator.adapters.redis_bus.connection import RedisAddress
    from orchestrator.adapters.redis_bus.stream_names import StreamNames
    from tests.architecture.test_documents import DOCUMENTS

    (line,) = [line for line in DOCUMENTS["redis.md"].splitlines() if line.startswith("user fleet")]
    with redis_server("--appendonly", "no") as server:
        with server.client() as admin:
            admin.execute_command("ACL", "SETUSER", *line.split()[1:])
        url = server.url.replace("unix://", "unix://fleet:a-long-password@")
        bus = RedisBus(RedisAddress(url=url, place="test"), StreamNames(prefix="shiftbook"))
        server.buses.append(bus)
        person, hq = peers()
        records = recorder(bus, person, hq, Marks())
        assert bus.publish(json.dumps({"job_id": "a", "payload": {"task": "x:y"}}), 5)
        records.step()
        work_off(worker(bus, "w", {"x": lambda _job: {}}, clock=Ticks()))
        records.step()
        assert bus.take_over("w", 1, 5) == []
        assert records.recorded == 1
        for command in (["GET", "other"], ["FLUSHALL"], ["CONFIG", "GET", "*"], ["SHUTDOWN", "NOSAVE"], ["KEYS", "*"]):
            with pytest.raises(Exception, match=r"(?i)no permissions|NOPERM"):
                bus.client.execute_command(*command)
