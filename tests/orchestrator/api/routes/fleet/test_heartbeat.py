"""What is a program told of the heartbeat: its lines, what was found, what waits, and what is left of the budget?"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from orchestrator.ledger.heartbeat.turn_record import FLEET_TURN
from orchestrator.workflow.heartbeat.probe import Finding
from sync.remote import RefUpdate
from tests.ledgers import Keys, Peer
from tests.orchestrator.api.conftest import ServedFleet
from tests.orchestrator.workflow.heartbeat.turns import Scripted, turn

SECRET = "ghp_" + "a1B2" * 9
LINES = "# Heartbeat\n\n## Every beat\n- one node: probe weather -> Look out of the window\n- dsik\n"


@pytest.fixture
def fleet(serve: Callable[..., ServedFleet], keys: Keys) -> ServedFleet:
    """A served fleet whose author has asked for the weather, and has mistyped a line."""
    signers = keys.signers(ada=["author"], n1=["node"])
    page = "---\nnode: n1\nrole: LOCAL_WORKER\n---\n"
    return serve({"HEARTBEAT.md": LINES, "heartbeats/n1.md": page, "allowed_signers": signers})


def looked(fleet: ServedFleet, keys: Keys, *found: Finding) -> Peer:
    """A node that took its turn, and found this."""
    n1 = fleet.town.peer("n1", key=keys["n1"])
    probes = {"probe weather": Scripted(*found)}
    assert turn(n1, fleet.folder, probes=probes).run(shared=True, silent={}).pushed
    fleet.site.house.change_signal.ring()
    fleet.site.clock.time = n1.bus.now()
    return n1


def test_before_anything_was_looked_at(fleet: ServedFleet) -> None:
    """The lines as they are understood, with the next time; what is not understood is told; nothing is spent."""
    told = fleet.get("/api/v1/heartbeat")
    assert [(one["text"], one["who"], one["looked"]) for one in told["lines"]] == [
        ("one node: probe weather -> Look out of the window", "one node", None)
    ]
    assert datetime.fromisoformat(told["lines"][0]["next"]) > fleet.site.clock()
    assert "line 5: nothing here looks at this: did you mean disk?" in told["problems"][0]
    assert (told["findings"], told["waiting"]) == ([], [])
    assert told["today"] == {"notices": 0, "missions": 0, "usd": 0}
    assert told["budget"] == {"notices": 20, "missions": 6, "usd": 2.0, "mission_usd": 0.5}
    assert (told["every_minutes"], told["active"]) == (30, True)


def test_what_was_found_what_waits_and_what_it_cost(fleet: ServedFleet, keys: Keys) -> None:
    """A finding with its line, redacted; the mission that followed from it, until it is over; the budget it took."""
    looked(fleet, keys, Finding(subject="rain", says=f"<b>it rains</b> {SECRET}"))
    told = fleet.get("/api/v1/heartbeat")
    (line,), (found,), (waits,) = told["lines"], told["findings"], told["waiting"]
    assert (found["line"], found["by"], found["subject"], found["told"]) == (line["id"], "n1", "rain", True)
    assert found["says"].startswith("<b>it rains</b> ")
    assert SECRET not in str(told)
    assert (waits["line"], waits["status"], waits["title"]) == (
        line["id"],
        "queued",
        "Heartbeat: Look out of the window",
    )
    assert told["today"] == {"notices": 1, "missions": 1, "usd": 0.5}
    assert line["looked"] is not None
    fleet.push({f"missions/{waits['mission']}.md": None})
    assert fleet.get("/api/v1/heartbeat")["waiting"] == []


def test_what_was_spent_yesterday_is_not_todays(fleet: ServedFleet, keys: Keys) -> None:
    """The record says what its day cost; on the next day the budget is whole, and the finding still stands."""
    looked(fleet, keys, Finding(subject="rain", says="it rains"))
    fleet.site.clock.move(days=1)
    told = fleet.get("/api/v1/heartbeat")
    assert told["today"] == {"notices": 0, "missions": 0, "usd": 0}
    assert [one["says"] for one in told["findings"]] == ["it rains"]


def test_a_mission_whose_line_was_taken_out_is_still_told(fleet: ServedFleet, keys: Keys) -> None:
    """With an id that no line has: whoever reads it knows that nothing follows from it any more."""
    looked(fleet, keys, Finding(subject="rain", says="it rains"))
    fleet.push({"HEARTBEAT.md": "# Heartbeat\n\n## Daily\n- broken missions\n"})
    told = fleet.get("/api/v1/heartbeat")
    assert [one["line"] in {line["id"] for line in told["lines"]} for one in told["waiting"]] == [False]


@pytest.mark.parametrize("junk", [b"{}", b"\0", b'{"notices": -1}', b'{"notices": 1e999}', b"[" * 3000])
def test_a_record_that_is_none_is_told_and_hides_nothing_else(fleet: ServedFleet, keys: Keys, junk: bytes) -> None:
    """Whoever may push may put anything at the record's place: the lines are answered all the same."""
    peer = fleet.town.peer("junk", key=keys["n1"])
    commit = peer.bus.commit({"turns.json": junk}, "junk", onto=None, tree=None)
    peer.bus.remote.push([RefUpdate(ref=FLEET_TURN, expect=None, new=commit)])
    fleet.site.house.change_signal.ring()
    told = fleet.get("/api/v1/heartbeat")
    assert len(told["lines"]) == 1
    assert told["today"]["missions"] == 0


def test_a_checklist_of_nobody_is_not_followed(serve: Callable[..., ServedFleet], tmp_path: Path) -> None:
    """Where signatures count and nobody listed wrote it: no lines, and why."""
    fleet = serve({"HEARTBEAT.md": LINES}, trust="signed")
    told = fleet.get("/api/v1/heartbeat")
    assert (told["lines"], told["signed_by"]) == ([], None)
    assert "who may not file missions" in told["problems"][0]
    assert tmp_path.is_dir()


def test_a_fleet_without_the_file_has_no_lines(serve: Callable[..., ServedFleet]) -> None:
    """And no problems: it is no fault to want nothing."""
    told = serve().get("/api/v1/heartbeat")
    assert (told["lines"], told["findings"], told["problems"]) == ([], [], [])


def test_who_may_not_look_is_refused(fleet: ServedFleet) -> None:
    """Neither a chat's token nor none."""
    for headers in ({}, fleet.key("chat")):
        answer = fleet.site.client.get("/api/v1/heartbeat", headers=headers)
        assert answer.status_code in (401, 403), answer.text


def test_what_is_known_already_is_not_sent_again(fleet: ServedFleet, keys: Keys) -> None:
    """304 for the same words; another answer once something was found."""
    client, key = fleet.site.client, fleet.key("look")
    tag = client.get("/api/v1/heartbeat", headers=key).headers["ETag"]
    assert client.get("/api/v1/heartbeat", headers=key | {"If-None-Match": tag}).status_code == 304
    looked(fleet, keys, Finding(subject="rain", says="it rains"))
    assert client.get("/api/v1/heartbeat", headers=key | {"If-None-Match": tag}).status_code == 200
