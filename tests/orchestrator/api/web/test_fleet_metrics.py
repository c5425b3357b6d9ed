"""Are the numbers at /metrics those of the fleet, and does the dashboard ask for none that is not there?"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from orchestrator.adapters.redis_bus.condition import RedisWatch
from orchestrator.adapters.redis_bus.connection import read_address
from orchestrator.adapters.redis_bus.stream_names import StreamNames
from orchestrator.api.web.bus_glance import BusGlance
from orchestrator.api.web.context import SERVICES_KEY
from orchestrator.api.web.fleet_metrics import FleetCollector
from orchestrator.api.web.ledger_answers import SHARED_LEDGER_KEY
from orchestrator.core.errors import StoreFailed
from orchestrator.core.ports.mission_bus import GivenUp
from orchestrator.core.ports.outbox import OutboxItem
from tests.buses import envelope
from tests.orchestrator.api.conftest import Build, ServedFleet
from tests.redis_server import RedisServer, redis_server

DASHBOARD = Path(__file__).parents[4] / "docs" / "grafana.json"
Numbers = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def numbers(client: object) -> Numbers:
    """The samples by name and labels."""
    answer = client.get("/metrics")  # type: ignore[attr-defined]
    assert answer.status_code == 200, answer.text
    families = text_string_to_metric_families(answer.text)
    return {(one.name, tuple(sorted(one.labels.items()))): one.value for family in families for one in family.samples}


def one(found: Numbers, name: str, **labels: str) -> float:
    return found[f"shiftbook_{name}", tuple(sorted(labels.items()))]


def test_fleet(serve: Callable[..., ServedFleet]) -> None:
    """Missions by status, what cannot be read, claims and nodes are counted, and what there is none of is 0."""
    fleet = serve(ledger="memory")
    fleet.push({"missions/a.md": "do it", "missions/b.md": "do it", "missions/c.md": "---\nto: [\n---\n"})
    vps = fleet.town.peer("vps")
    vps.claim("a")
    fleet.site.house.change_signal.ring()
    found = numbers(fleet.site.client)
    assert one(found, "missions", status="running") == 1
    assert one(found, "missions", status="queued") == 1
    assert one(found, "missions", status="dead") == 0
    assert one(found, "missions_quarantined") == 1
    assert one(found, "bus_refs", kind="claims") == 1
    assert one(found, "bus_reachable") == 1
    assert one(found, "nodes", state="live") == 0
    assert one(found, "part_readable", part="ledger") == 1


def test_outbox(serve: Callable[..., ServedFleet]) -> None:
    """What could not be told is counted apart from what waits."""
    fleet = serve()
    outgoing, now = fleet.site.stores.outgoing, fleet.site.clock()
    for key in ("a", "b", "c"):
        outgoing.put(OutboxItem(key=key, kind="notice", body={}), now)
    kinds = {item.kind for item in outgoing.listing()}
    assert kinds == {"notice"}
    outgoing.failed("b", "no route", now)
    outgoing.failed("c", "no such address", None)
    found = numbers(fleet.site.client)
    assert [one(found, "outbox_notices", state=state) for state in ("waiting", "resting", "given_up")] == [1, 1, 1]
    assert one(found, "devices") == 0


def test_a_part_that_fails(build: Build) -> None:
    """One part that cannot be read costs the others nothing, and is told."""
    site = build(ledger="/nowhere/fleet.git")
    site.app.extensions[SERVICES_KEY] = replace(site.house, stores=site.stores)
    found = numbers(site.client)
    assert one(found, "part_readable", part="ledger") == 0
    assert one(found, "part_readable", part="store") == 1
    assert ("shiftbook_missions", (("status", "queued"),)) not in found
    site.stores.close()
    for path in site.house.settings.home.glob("shiftbook.db*"):
        path.write_bytes(b"no database" * 1000)
    with pytest.raises(StoreFailed):
        site.stores.tokens.listing()
    collector = FleetCollector(
        services=lambda: site.app.extensions[SERVICES_KEY], shared=site.app.extensions[SHARED_LEDGER_KEY]
    )
    told = {metric.name: metric for metric in collector.collect()}
    assert {sample.labels["part"]: sample.value for sample in told["shiftbook_part_readable"].samples}["store"] == 0


@pytest.fixture
def redis(serve: Callable[..., ServedFleet]) -> Iterator[tuple[ServedFleet, RedisServer]]:
    """A fleet whose missions a real Redis server carries."""
    fleet = serve(ledger="memory")
    with redis_server("--appendonly", "no") as server:
        watch = RedisWatch(address=read_address(server.url), names=StreamNames(prefix="t"), now=fleet.site.clock)
        glance = BusGlance(watch=watch, clock=fleet.site.clock.monotonic)
        fleet.site.app.extensions[SERVICES_KEY] = replace(fleet.site.house, bus=glance)
        yield fleet, server


def test_redis(redis: tuple[ServedFleet, RedisServer]) -> None:
    """What waits there for whom; one look serves all who ask within seconds; away, it is 0 and the rest is there."""
    fleet, server = redis
    bus = server.bus()
    for job in ("a", "b", "c"):
        bus.publish(envelope(job), 1)
    (held,) = bus.claim("w", 1)
    found = numbers(fleet.site.client)
    states = {state: one(found, "redis_missions", state=state) for state in ("waiting", "pending", "unfiled")}
    assert states == {"waiting": 2, "pending": 1, "unfiled": 3}
    assert (one(found, "redis_reachable"), one(found, "redis_dead_letters")) == (1, 0)
    assert one(found, "part_readable", part="redis") == 1
    bus.give_up(held, GivenUp.FINAL, "no")
    assert one(numbers(fleet.site.client), "redis_dead_letters") == 0
    fleet.site.clock.move(seconds=6)
    assert one(numbers(fleet.site.client), "redis_dead_letters") == 1
    server.kill()
    fleet.site.clock.move(seconds=6)
    found = numbers(fleet.site.client)
    assert one(found, "redis_reachable") == 0
    assert ("shiftbook_redis_dead_letters", ()) not in found
    assert one(found, "missions", status="queued") == 0


def test_dashboard(redis: tuple[ServedFleet, RedisServer]) -> None:
    """Each number that the dashboard asks for is there, and each of ours is on it."""
    fleet, _ = redis
    fleet.push({"missions/a.md": "do it"})
    text = fleet.site.client.get("/metrics").text
    there = {match[1] for match in re.finditer(r"^# TYPE (\S+) ", text, re.MULTILINE)}
    there |= {f"{name}_bucket" for name in there}
    board = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    asked = {
        name
        for panel in board["panels"]
        for target in panel.get("targets", ())
        for name in re.findall(r"shiftbook_\w+", target["expr"])
    }
    assert asked - there == set()
    ours = {name for name in there if name.startswith("shiftbook_") and not name.endswith(("_bucket", "_created"))}
    assert ours - asked == {"shiftbook_http_request_seconds"}  # asked for by its buckets
