"""What a look at a real Redis server says is how that server is."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from orchestrator.adapters.redis_bus.condition import RedisWatch
from orchestrator.adapters.redis_bus.connection import RedisAddress, read_address
from orchestrator.adapters.redis_bus.stream_names import StreamNames
from orchestrator.core.ports.bus_care import BusCondition
from orchestrator.core.ports.mission_bus import GivenUp
from orchestrator.workflow.delegation.bus_report import crash_loss, findings
from tests.architecture.test_documents import DOCUMENTS
from tests.redis_server import RedisServer, redis_server
from tests.waiting import until


@pytest.fixture
def server() -> Iterator[RedisServer]:
    """A server with a log."""
    with redis_server() as running:
        yield running


def look(server: RedisServer, prefix: str = "t", ahead: float = 0.0) -> BusCondition:
    """One look, by a machine whose clock is so far ahead."""
    watch = RedisWatch(
        address=read_address(server.url),
        names=StreamNames(prefix=prefix),
        now=lambda: datetime.now(UTC) + timedelta(seconds=ahead),
    )
    return watch.condition()


def kinds(condition: BusCondition) -> set[str]:
    """What is to be mended."""
    return {each.kind for each in findings(condition)}


def envelope(job: str) -> str:
    """A mission as it is sent."""
    return json.dumps({"job_id": job, "payload": {"task": "x:y"}})


def test_an_empty_server_has_nothing(server: RedisServer) -> None:
    """Also where no stream was ever made."""
    found = look(server)
    assert (found.trouble, found.waiting, found.pending, found.oldest_seconds) == ("", 0, 0, None)
    assert (found.append_only, found.fsync, found.not_saved, found.eviction) == (True, "everysec", "", "noeviction")
    assert abs(found.clock_ahead_seconds) < 5
    assert crash_loss(found) == "a killed server loses nothing, a power cut its last second"
    assert kinds(found) == {"rights"}, "the server of a test lets everybody do everything"


def test_what_waits_is_counted_by_whom_it_waits_for(server: RedisServer) -> None:
    """For a worker, for its worker's end, to be filed, to be recorded; dead letters apart."""
    bus = server.bus()
    for job, priority in (("a", 9), ("b", 5), ("c", 5), ("d", 0), ("e", 5)):
        bus.publish(envelope(job), priority)
    first, second, third = bus.claim("w", 3)
    assert bus.finish(first, json.dumps({"job_id": "a", "status": "SUCCESS"}))
    bus.give_up(second, GivenUp.FINAL, "no")
    (request, *_) = bus.requests(2)
    bus.filed(request)
    found = look(server)
    assert (found.waiting, found.pending, found.unfiled, found.unrecorded, found.dead_letters) == (2, 1, 4, 2, 1)
    assert found.oldest_seconds is not None
    assert 0 <= found.oldest_seconds < 60
    assert bus.finish(third, json.dumps({"job_id": "c", "status": "SUCCESS"}))
    assert "dead-letters" in kinds(look(server))


def test_the_oldest_is_the_one_that_nobody_finished(server: RedisServer) -> None:
    """Held or waiting, whichever is older."""
    old = int((time.time() - 7200) * 1000)
    with server.client() as client:
        for stream, age in (("t:missions:delegation:low", old), ("t:missions:delegation", old + 3_600_000)):
            client.xadd(stream, {"envelope": envelope(f"m{age}")}, id=f"{age}-0")
    bus = server.bus()
    waits = look(server).oldest_seconds
    held = bus.claim("w", 5)
    works = look(server).oldest_seconds
    assert waits is not None
    assert works is not None
    assert 7190 < waits <= works < 7300
    assert "old" in kinds(look(server))
    for each in held:
        bus.finish(each, "{}")
    assert look(server).oldest_seconds is None


def test_what_a_foreign_producer_put_there_before_any_worker_came_waits(server: RedisServer) -> None:
    """Nobody has made a group yet."""
    with server.client() as client:
        for job in ("a", "b"):
            client.xadd("t:missions:delegation", {"x": envelope(job)})
    assert (look(server).waiting, look(server).unfiled) == (2, 2)


def test_entries_that_were_deleted_out_of_the_middle_make_no_error(server: RedisServer) -> None:
    """The server does not know then how far behind a group is; it is counted."""
    bus = server.bus()
    for job in ("a", "b", "c", "d"):
        bus.publish(envelope(job), 5)
    with server.client() as client:
        entries = [entry for entry, _ in client.xrange("t:missions:delegation")]
        client.xdel("t:missions:delegation", entries[2])
    assert look(server).waiting == 3


def test_a_server_that_keeps_no_log_says_what_a_crash_costs() -> None:
    """And one that throws data away, or is nearly full."""
    with redis_server("--appendonly", "no", "--maxmemory-policy", "allkeys-lru") as server:
        found = look(server)
        assert crash_loss(found) == "a crash loses all since its last snapshot"
        assert {"no-log", "eviction"} <= kinds(found)
        server.set(maxmemory=int(found.memory_bytes * 1.05))
        assert "memory" in kinds(look(server))


def test_a_disk_that_takes_nothing_is_told(server: RedisServer) -> None:
    """Before a crash makes it a loss."""
    server.fill_disk()
    with server.client() as client:
        client.set("x", "1")
    until(lambda: look(server).not_saved, "it is told")
    assert "not-saved" in kinds(look(server))


def test_a_clock_that_is_elsewhere_is_told(server: RedisServer) -> None:
    """By how much, and on which side."""
    found = look(server, ahead=3600)
    assert -3660 < found.clock_ahead_seconds < -3590
    (says,) = [each.says for each in findings(found) if each.kind == "clock"]
    assert says.startswith("its clock is 60 min behind this machine's")


def test_the_user_of_the_documents_is_not_too_wide(server: RedisServer) -> None:
    """And sees all that a look wants but `appendfsync`, which it may not ask for."""
    (line,) = [line for line in DOCUMENTS["redis.md"].splitlines() if line.startswith("user fleet")]
    with server.client() as admin:
        admin.execute_command("ACL", "SETUSER", *line.split()[1:])
        admin.execute_command("ACL", "SETUSER", "wide", "on", ">w", "~*", "+@all", "-@dangerous", "+info")
    found = as_user(server, "fleet:a-long-password").condition()
    assert (found.trouble, found.rights, found.fsync, found.append_only) == ("", (), "", True)
    assert "appendfsync everysec`, the default" in crash_loss(found)
    assert kinds(found) == set()
    assert as_user(server, "wide:w").condition().rights == ("read and write what others keep there",)


def as_user(server: RedisServer, login: str) -> RedisWatch:
    """A look by somebody with a password."""
    url = server.url.replace("unix://", f"unix://{login}@")
    address = RedisAddress(url=url, place="test")
    return RedisWatch(address=address, names=StreamNames(prefix="shiftbook"), now=lambda: datetime.now(UTC))


@pytest.mark.parametrize(
    ("url", "plain"),
    [
        ("redis://10.0.0.7:6379", True),
        ("rediss://10.0.0.7:6379", False),
        ("redis://127.0.0.1:6379", False),
        ("unix:///run/redis.sock", False),
    ],
)
def test_a_plain_line_to_another_machine_is_told(url: str, plain: bool) -> None:
    """Whether or not somebody allowed it."""
    assert read_address(url, plain=True).is_plain is plain


def test_a_server_that_is_away_is_an_answer(server: RedisServer) -> None:
    """At once, and never with a password in it."""
    server.kill()
    found = as_user(server, "fleet:hush-hush").condition()
    assert found.trouble
    assert "hush" not in found.trouble
    assert [each.broken for each in findings(found)] == [True]


def test_a_wrong_password_is_told_as_such(server: RedisServer) -> None:
    """In the server's words."""
    assert "username-password" in as_user(server, "fleet:no").condition().trouble
