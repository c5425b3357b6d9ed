"""A mission can be followed in one trace from the command that filed it to the fold, over processes and machines."""

from __future__ import annotations

import re

from tests.acceptance.fleets import Fleet, command
from tests.otlp_receiver import otlp_receiver

TOKEN = "ghp_" + "a1B2" * 9


def test_one_mission_is_one_trace_from_its_filing_to_its_fold(fleet: Fleet) -> None:
    """Two processes that share nothing but the ledger send their spans to a real receiver; no secret is among them."""
    fleet.found("desk")
    with otlp_receiver() as receiver:
        traced = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url, "OTEL_BSP_SCHEDULE_DELAY": "200"}
        said = fleet.shiftbook(
            "mission", "new", "--run", f"echo {TOKEN}; exit 3", "--max-retries", "1", "It fails", node="desk", **traced
        )
        (name,) = re.findall(r"missions/(\S+)\.md", said)
        fleet.start("desk", **traced)
        wanted = {"mission.file", "mission.claim", "mission.attempt", "mission.round", "mission.fold"}
        fleet.wait("its spans", lambda: {span.name for span in receiver.spans} >= wanted)
        assert fleet.stop("desk") == 0
        spans = [span for span in receiver.spans if span.facts.get("shiftbook.mission") == name]
        assert {span.name for span in spans} == wanted
        assert len({span.trace for span in spans}) == 1
        (root,) = [span for span in spans if span.name == "mission.file"]
        (attempt,) = [span for span in spans if span.name == "mission.attempt"]
        below = {span.name: span.parent for span in spans}
        assert below["mission.claim"] == below["mission.attempt"] == below["mission.fold"] == root.id
        assert below["mission.round"] == attempt.id
        assert (attempt.facts["shiftbook.ok"], attempt.facts["shiftbook.node"]) == ("False", "desk")
        assert attempt.failed
        assert {span.resource["service.instance.id"] for span in spans} == {"desk"}
        assert not any(TOKEN.encode() in body for body in receiver.raw)


def test_a_collector_that_is_away_holds_nothing_up(fleet: Fleet) -> None:
    """It is told once, the mission is done, the node ends when it is told to."""
    fleet.found("desk")
    fleet.commit({"missions/one.md": command("echo one")})
    fleet.start("desk", OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9", OTEL_BSP_SCHEDULE_DELAY="100")
    fleet.wait("it is done", lambda: fleet.missions()["one"]["status"] == "done")
    fleet.wait("it is told", lambda: any(event["event"] == "tracing" for event in fleet.events("desk")))
    assert fleet.stop("desk") == 0
