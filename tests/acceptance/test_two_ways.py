"""Redis is down: missions go to headquarters over HTTP, then by Git alone; over all ways each is one, and none lost."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from missions.plain_data import read_json
from tests.acceptance.fleets import Fleet
from tests.redis_server import RedisServer, entries, redis_server
from tests.waiting import PATIENCE

WORK = "general_task:Say what two and two are."


@pytest.fixture
def server() -> Iterator[RedisServer]:
    """A server with a log."""
    with redis_server() as running:
        yield running


def envelope(job: str, key: str = "") -> str:
    """A mission as a program sends it."""
    return json.dumps(
        {"job_id": job, "idempotency_key": key, "max_retries": 1, "payload": {"task": WORK, "context": {}}}
    )


def put(server: RedisServer, job: str, key: str = "") -> None:
    """As a foreign producer puts it on Redis."""
    with server.client() as client:
        client.xadd("shiftbook:missions:delegation", {"data": envelope(job, key)})


def hand_over(fleet: Fleet, token: str, job: str, key: str = "") -> int:
    """As it hands it to headquarters; the answer's status."""
    record = read_json((fleet.folder / "desk" / "http.json").read_text())
    line = http.client.HTTPConnection(urlsplit(record["url"]).netloc, timeout=PATIENCE)
    head = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    line.request("POST", "/api/v1/delegation/publish", envelope(job, key), head)
    answer = line.getresponse()
    answer.read()
    return answer.status


def answers(server: RedisServer) -> dict[str, list[str]]:
    """What programs are told on Redis of each job."""
    found: dict[str, list[str]] = {}
    for row in entries(server, "shiftbook:missions:results"):
        body = json.loads(row["envelope"])
        found.setdefault(body["job_id"], []).append(body["status"])
    return found


def test_redis_goes_and_comes_back(fleet: Fleet, server: RedisServer) -> None:
    """Each step: over Redis; over HTTP while it is down, and polled from Git; both again when it is back: once each."""
    fleet.found("desk")
    settings = {
        "SHIFTBOOK_REDIS_URL": server.url,
        "SHIFTBOOK_HTTP": "127.0.0.1:0",
        "FACTORY_ROLE": "HEADQUARTERS",
    }
    said = fleet.shiftbook("token", "new", "program", "--scope", "missions", "--json", node="desk", **settings)
    token = json.loads(said)["token"]
    fleet.start("desk", **settings)
    fleet.wait("it serves", lambda: (fleet.folder / "desk" / "http.json").exists())

    put(server, "over-redis", "k1")
    fleet.wait("it is filed", lambda: "over-redis" in fleet.missions())
    assert hand_over(fleet, token, "over-redis", "k1") == 202, "not sure that Redis took it: the same mission"

    server.kill()
    assert hand_over(fleet, token, "over-http", "k2") == 202
    assert hand_over(fleet, token, "over-http", "k2") == 202
    fleet.commit({"missions/by-git.md": "---\nagent: command\nrun: echo four\n---\nFour.\n"})
    fleet.wait("Git carries on", lambda: fleet.missions().get("by-git", {}).get("status") == "done")

    server.start()
    put(server, "over-http", "k2")
    put(server, "over-redis", "k1")
    fleet.wait("both are ended", lambda: all(_over(fleet, name) for name in ("over-redis", "over-http")))
    fleet.wait("both are told", lambda: set(answers(server)) >= {"over-redis", "over-http"})
    assert fleet.stop("desk") == 0
    assert {name for name in fleet.missions() if name.startswith("over-")} == {"over-redis", "over-http"}
    assert entries(server, "shiftbook:missions:dlq") == []
    assert {len(set(told)) for told in answers(server).values()} == {1}


def _over(fleet: Fleet, name: str) -> bool:
    return fleet.missions().get(name, {}).get("status") in {"done", "dead", "failed", "review"}
