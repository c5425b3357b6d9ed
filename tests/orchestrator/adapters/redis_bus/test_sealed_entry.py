"""What an entry carries beside its envelope says the same as the envelope, and nothing else is believed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from orchestrator.adapters.redis_bus.bus import RedisBus
from orchestrator.adapters.redis_bus.sealed_entry import MAX_SEALED_KEY, digest_of, seal_entry
from orchestrator.core.ports.mission_bus import DEFAULT_ATTEMPTS, Delivery, GivenUp, Requeued
from tests.redis_server import RedisServer, entries, redis_server

STREAM = "t:missions:delegation"


@pytest.fixture
def server() -> Iterator[RedisServer]:
    """A server."""
    with redis_server("--appendonly", "no") as running:
        yield running


def envelope(job: str, **more: object) -> str:
    """A mission as it is sent."""
    return json.dumps({"job_id": job, "payload": {"task": "general_task:do it", "context": {}}} | more)


def put_as_foreign(server: RedisServer, text: str) -> None:
    """As a producer puts it there that knows the envelope alone."""
    with server.client() as client:
        client.xadd(STREAM, {"envelope": text})


def taken_as(bus: RedisBus) -> Delivery:
    """The one mission that is there, without what is another one's each time."""
    (held,) = bus.claim("w", 5)
    return replace(held, token="", entry="")


@pytest.mark.parametrize(
    "text",
    [
        envelope("a"),
        envelope("a", idempotency_key="order: 17\n"),
        envelope("a", idempotency_key="größe – 大", max_retries=7),
        envelope("a", idempotency_key="", max_retries=0),
        envelope("a", idempotency_key=5, max_retries="many"),
        envelope("a", max_retries=True),
        envelope("a", max_retries=2.9),
        json.dumps(json.loads(envelope("größe")), ensure_ascii=False),
        envelope("a", idempotency_key="k" * (MAX_SEALED_KEY + 1)),
    ],
)
def test_a_seal_says_what_reading_says(server: RedisServer, text: str) -> None:
    """A mission that this product put there and one of a foreign producer with the same envelope come to the same."""
    ours, theirs = server.bus(), server.bus("t")
    assert ours.publish(text, 5)
    sealed = taken_as(ours)
    with server.client() as client:
        client.flushall()
    put_as_foreign(server, text)
    assert taken_as(theirs) == sealed
    assert sealed.job == digest_of(sealed.key)


@pytest.mark.parametrize(("said", "attempts"), [(None, DEFAULT_ATTEMPTS), (1, 1), (2, 2), (-4, 1)])
def test_both_have_as_many_attempts(server: RedisServer, said: int | None, attempts: int) -> None:
    """The seal's number and the envelope's are one; it is kept where a mission is queued again."""
    text = envelope("a") if said is None else envelope("a", max_retries=said)
    for foreign in (False, True):
        with server.client() as client:
            client.flushall()
        bus = server.bus()
        if foreign:
            put_as_foreign(server, text)
        else:
            bus.publish(text, 5)
        for number in range(attempts):
            (held,) = bus.claim("w", 1)
            assert held.attempt == number + 1
            last = number + 1 == attempts
            wanted = Requeued.DEAD if last else Requeued.QUEUED
            assert bus.give_up(held, GivenUp.RETRY, "boom") is wanted
        assert bus.claim("w", 1) == []


def test_a_seal_goes_with_its_mission(server: RedisServer) -> None:
    """Also when it was given back: no entry of ours has to be read on the server."""
    bus = server.bus()
    bus.publish(envelope("a", idempotency_key="k", max_retries=9), 5)
    (held,) = bus.claim("w", 1)
    assert bus.give_up(held, GivenUp.RELEASE, "") is Requeued.QUEUED
    first, second = entries(server, STREAM)
    assert first == second
    assert first["seal"] == f"{digest_of(first['envelope'])}9:k"


def test_a_copied_seal_counts_for_no_other_text(server: RedisServer) -> None:
    """Somebody copies an entry and changes its envelope: that is another mission, and none is dropped as the first."""
    bus = server.bus()
    bus.publish(envelope("a"), 5)
    (sealed,) = entries(server, STREAM)
    with server.client() as client:
        client.xadd(STREAM, {"envelope": envelope("b"), "seal": sealed["seal"]})
    assert [held.key for held in bus.claim("w", 5)] == ["a", "b"]
    assert sorted(json.loads(each.envelope)["job_id"] for each in bus.requests(5)) == ["a", "b"]


@pytest.mark.parametrize(
    "seal", ["", "x", "0" * 40, "0" * 40 + "3:", "{digest}", "{digest}3:", "{digest}x:b", "{digest}:b"]
)
def test_what_is_no_seal_is_not_believed(server: RedisServer, seal: str) -> None:
    """The envelope is read instead."""
    text = envelope("a", idempotency_key="k", max_retries=1)
    with server.client() as client:
        client.xadd(STREAM, {"envelope": text, "seal": seal.replace("{digest}", digest_of(text))})
    bus = server.bus()
    (held,) = bus.claim("w", 5)
    assert (held.key, held.envelope) == ("k", text)
    assert bus.give_up(held, GivenUp.RETRY, "boom") is Requeued.DEAD


def test_a_sealed_text_that_the_server_cannot_read_is_lost_to_nobody(server: RedisServer) -> None:
    """Half characters are JSON to Python and none to the server: its key answers for its name."""
    bus = server.bus()
    bus.publish('{"job_id": "a\\ud800", "max_retries": 1, "payload": {}}', 5)
    (held,) = bus.claim("w", 5)
    assert bus.give_up(held, GivenUp.RETRY, "boom") is Requeued.DEAD
    (result,) = bus.results(5)
    assert json.loads(result.body)["status"] == "FAILED"
    assert result.key == held.key


@pytest.mark.parametrize("text", ["", "[]", "{", "7", '{"job_id": ""}', envelope("a", padding="x" * 600_000)])
def test_what_is_no_envelope_gets_no_seal(text: str) -> None:
    """It is refused before anything is asked of the server."""
    with pytest.raises(ValueError, match=r"job_id|Expecting"):
        seal_entry(text)


@pytest.mark.parametrize(
    "said", [float("inf"), float("-inf"), float("nan"), 10**400, None, [], "3"], ids=lambda said: str(said)[:5]
)
def test_odd_numbers_of_attempts_are_bounded(said: Any) -> None:
    """Whatever somebody writes there is a number that the server can hold."""
    seal = seal_entry(envelope("a", max_retries=said)).seal
    attempts, _, key = seal[40:].partition(":")
    assert key == "a"
    assert 1 <= int(attempts) <= 1_000_000
