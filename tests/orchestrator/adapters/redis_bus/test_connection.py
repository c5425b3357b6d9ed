"""Which addresses of a Redis server are taken, and what is told of one that does not answer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator.adapters.redis_bus.bus import RedisBus
from orchestrator.adapters.redis_bus.connection import read_address
from orchestrator.adapters.redis_bus.stream_names import StreamNames
from orchestrator.core.errors import BusUnavailable, WrongSetting
from orchestrator.core.ports.mission_bus import PriorityClass
from tests.redis_server import redis_server
from tests.waiting import until


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("redis://localhost", "localhost:6379"),
        ("redis://127.0.0.1:7000/2", "127.0.0.1:7000"),
        ("redis://[::1]:7000", "::1:7000"),
        ("rediss://fleet:secret@hq.example:6380/0", "hq.example:6380"),
        ("unix:///run/redis/redis.sock", "/run/redis/redis.sock"),
    ],
)
def test_what_shows_nothing_to_a_network_is_taken(url: str, place: str) -> None:
    """People are told the place, never user or password."""
    assert read_address(url).place == place


@pytest.mark.parametrize(
    "url",
    [
        "redis://hq.example",
        "redis://10.0.0.7:6379",
        "redis://user:pw@0.0.0.0",
        "http://hq",
        "redis://",
        "hq:6379",
        "a://b",
        "redis://hq:port",
    ],
)
def test_other_addresses_are_refused_with_what_to_write(url: str) -> None:
    """In one line that names the setting, without what may be a password."""
    with pytest.raises(WrongSetting, match="SHIFTBOOK_REDIS_URL") as refused:
        read_address(url)
    assert "pw" not in str(refused.value)


def test_a_line_that_something_else_encrypts_is_a_persons_word() -> None:
    """SHIFTBOOK_REDIS_PLAIN=1 says so."""
    assert read_address("redis://10.0.0.7:6379", plain=True).place == "10.0.0.7:6379"


def test_certificates_are_for_tls_alone() -> None:
    """A file that nothing would look at is a mistake."""
    assert read_address("rediss://hq", "/etc/ca.pem").certificates == "/etc/ca.pem"
    with pytest.raises(WrongSetting, match="SHIFTBOOK_REDIS_CA"):
        read_address("redis://localhost", "/etc/ca.pem")


def test_a_server_that_is_not_there_is_one_error(tmp_path: Path) -> None:
    """Whatever is asked for; the password is not told."""
    address = read_address(f"unix://fleet:secret-word@{tmp_path}/none.sock")
    bus = RedisBus(address, StreamNames(prefix="t"))
    for ask in (lambda: bus.claim("w", 1), lambda: bus.results(1), bus.trim, bus.generation, bus.make_groups):
        with pytest.raises(BusUnavailable, match=r"none\.sock") as refused:
            ask()
        assert "secret-word" not in str(refused.value)
    bus.close()


def test_a_server_that_refuses_is_one_error() -> None:
    """A wrong password, no rights, no memory: one line each, and nothing was done."""
    text = '{"job_id": "a", "payload": {"task": "x:y"}}'
    with redis_server("--appendonly", "no") as server:
        bus = server.bus("t")
        assert bus.publish(text, 1)
        (held,) = bus.claim("w", 1)
        server.set(maxmemory="1")
        for ask in (lambda: bus.publish(text.replace('"a"', '"b"'), 1), lambda: bus.finish(held, "{}")):
            with pytest.raises(BusUnavailable, match="maxmemory"):
                ask()
        server.set(maxmemory="0")
        assert bus.results(5) == []
        assert bus.publish(text.replace('"a"', '"b"'), 1), "nothing of it was remembered"
        assert bus.finish(held, '{"job_id": "a"}')
        with server.client() as admin:
            admin.acl_setuser("default", enabled=True, passwords=["+pw"], commands=["+@all"], keys=["*"])
        other = RedisBus(read_address(server.url.replace("unix://", "unix://default:wrong@")), StreamNames(prefix="t"))
        with pytest.raises(BusUnavailable, match=r"(?i)password|auth"):
            other.claim("w", 1)
        other.close()


def test_names_of_streams_are_those_of_the_documents() -> None:
    """Whoever knows them from docs/redis.md finds them."""
    names = StreamNames(prefix="shiftbook")
    assert names.missions(PriorityClass.NORMAL) == "shiftbook:missions:delegation"
    assert names.delegation == [
        "shiftbook:missions:delegation:high",
        "shiftbook:missions:delegation",
        "shiftbook:missions:delegation:low",
    ]
    assert (names.results, names.dead) == ("shiftbook:missions:results", "shiftbook:missions:dlq")
    assert (names.workers, names.ledger) == ("shiftbook_workers", "shiftbook_ledger")


def test_a_full_disk_is_told_and_costs_nothing() -> None:
    """What it cannot write it refuses; when there is room again, what it took meanwhile survives a SIGKILL."""
    with redis_server() as server:
        bus, taken = server.bus(), list[str]()
        server.fill_disk()

        def is_refused() -> bool:
            job = f"a{len(taken)}"
            try:
                bus.publish(json.dumps({"job_id": job, "payload": {"task": "x:y"}}), 1)
            except BusUnavailable as error:
                return "MISCONF" in str(error)
            taken.append(job)
            return False

        until(is_refused, "the server's refusal")
        server.free_disk()
        until(lambda: not is_refused(), "room on its disk")
        server.kill()
        server.start()
        assert sorted(held.key for held in bus.claim("w", 100)) == sorted(taken)


def test_a_replica_takes_the_place_of_its_server(tmp_path: Path) -> None:
    """Under the same address; what came after it was cut off is not there, and that it is another server is seen."""
    with redis_server() as server:
        bus = server.bus()
        for job in ("a", "b"):
            bus.publish(json.dumps({"job_id": job, "payload": {"task": "x:y"}}), 1)
        before = bus.generation()
        server.follow(tmp_path / "replica")
        server.cut_replica()
        bus.publish(json.dumps({"job_id": "late", "payload": {"task": "x:y"}}), 1)
        server.fail_over()
        assert sorted(held.key for held in bus.claim("w", 100)) == ["a", "b"]
        assert bus.generation() != before
