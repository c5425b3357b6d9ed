"""What does a program read of merge queues, and does a word take a queued result back over HTTP?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from orchestrator.core.errors import NotFound
from orchestrator.ledger.transport import BEAT, QUEUE
from orchestrator.workflow.projects.enrol import require_project
from orchestrator.workflow.queue_hold.queue_record import QUEUE_FILE, begun
from sync.remote import RefUpdate
from tests.ledgers import Keys
from tests.orchestrator.api.conftest import ServedFleet

TOML = """
[trust]
missions = "remote"

[projects.shop]
url = "/srv/shop"
on_approval = "merge"
test = "true"
merge_queue = true

[projects.site]
url = "/srv/site"
"""
APPROVED = (
    '---\ntitle: The {name} page\nproject: shop\nstatus: done\nnode: desk\nattempt: 1\nepoch: 1\ncommit: "{commit}"\n'
    "branch: shiftbook/{name}/1\ndecision: approved\ndecided_by: ada\ndecided: 2026-12-01T10:00:0{n}Z\n---\nDo it.\n"
)
AT = "/api/v1/merge-queues"


class Queued:
    """A served fleet with the node desk, which works at its queue."""

    def __init__(self, served: ServedFleet, keys: Keys) -> None:
        self.served, self.desk = served, served.town.peer("desk", key=keys["desk"])
        self.get, self.key, self.site = served.get, served.key, served.site


@pytest.fixture
def fleet(serve: Callable[..., ServedFleet], keys: Keys) -> Queued:
    """Two results that wait, of a project with a queue; another project has none."""
    signers = keys.signers(ada=["author"], desk=["node"])
    found = Queued(serve({"fleet.toml": TOML, "allowed_signers": signers}), keys)
    found.served.push({f"missions/{name}.md": "---\nproject: shop\n---\nDo it.\n" for name in ("a", "b")})
    for n, name in enumerate(("b", "a")):
        found.served.push({f"missions/{name}.md": APPROVED.format(name=name, n=n, commit=f"{n}" * 40)})
    return found


def says(fleet: Queued, *testing: str, landing: tuple[str, ...] | None = None) -> None:
    """The node desk beats and says that it tests these, or pushes them."""
    bus = fleet.desk.bus
    record = replace(begun("desk", "f" * 40, testing, bus.now()), landing=landing or ())
    said = bus.commit({QUEUE_FILE: record.print()}, "queue", onto=None, tree=None)
    beat = bus.commit({"beat": b"1"}, "beat", onto=None, tree=None)
    there = bus.remote.fetch()
    moves = [RefUpdate(ref=f"{QUEUE}shop", expect=there.get(f"{QUEUE}shop"), new=said)]
    bus.remote.push([*moves, RefUpdate(ref=f"{BEAT}desk", expect=there.get(f"{BEAT}desk"), new=beat)])
    fleet.site.house.change_signal.ring()


def test_each_queue_says_what_waits_and_what_is_done(fleet: Queued) -> None:
    """In the order of the decisions, with the state of each; a project without a queue only when it is named."""
    [queue] = fleet.get(AT)["items"]
    assert (queue["name"], queue["merge_queue"], queue["batch"]) == ("shop", True, 5)
    assert [(one["place"], one["mission"], one["state"]) for one in queue["missions"]] == [
        (1, "b", "stopped"),
        (2, "a", "stopped"),
    ]
    assert queue["says"].startswith("no node is up: `shiftbook node run`")
    says(fleet, "b")
    [queue] = fleet.get(AT, project="shop")["items"]
    assert [one["state"] for one in queue["missions"]] == ["testing", "waiting"]
    assert (queue["node"], queue["testing"], queue["missions"][0]["title"]) == ("desk", ["b"], "The b page")
    assert [(one["name"], one["merge_queue"], one["missions"]) for one in fleet.get(AT, project="site")["items"]] == [
        ("site", False, [])
    ]
    with pytest.raises(NotFound) as everywhere:
        require_project(fleet.desk.ledger(), "absent")
    assert fleet.get(AT, status=404, project="absent")["detail"] == str(everywhere.value)


def test_it_is_sent_again_only_when_it_changed(fleet: Queued) -> None:
    """By its ETag, which another record changes; and nobody comes in without a scope."""
    key = fleet.key("look")
    first = fleet.site.client.get(AT, headers=key)
    asked = key | {"If-None-Match": first.headers["ETag"]}
    assert fleet.site.client.get(AT, headers=asked).status_code == 304
    says(fleet, "b")
    assert fleet.site.client.get(AT, headers=asked).status_code == 200
    assert fleet.site.client.get(AT, headers=fleet.key("chat")).status_code == 403
    assert fleet.site.client.post(AT, headers=key).status_code == 405


def test_a_mission_says_where_it_stands(fleet: Queued) -> None:
    """As plain data beside its reason; null for one that waits in no queue."""
    says(fleet, "b")
    told = fleet.get("/api/v1/missions/b")
    assert told["queue"] == {
        "project": "shop",
        "place": 1,
        "of": 2,
        "state": "testing",
        "node": "desk",
        "says": "place 1 of 2 in the merge queue of shop; desk tests it now",
    }
    assert told["reason"] == f"approved by ada; {told['queue']['says']}"
    assert fleet.get("/api/v1/missions/a")["queue"]["says"].endswith("; desk tests what is before it")
    fleet.served.push({"missions/other.md": "Do it.\n"})
    assert fleet.get("/api/v1/missions/other")["queue"] is None


def test_a_word_takes_it_back_until_it_is_pushed(fleet: Queued) -> None:
    """By either route; afterwards it is 409, with who pushes it."""
    client = fleet.site.client
    ops = fleet.key("ops")
    body = {"state": "rejected", "comment": "not like this"}
    assert client.put("/api/v1/missions/b/approval", json=body, headers=ops).status_code == 200
    assert [one["mission"] for one in fleet.get(AT)["items"][0]["missions"]] == ["a"]
    says(fleet, "a", landing=("a",))
    assert [one["state"] for one in fleet.get(AT)["items"][0]["missions"]] == ["landing"]
    late = client.put("/api/v1/missions/a/cancellation", headers=ops)
    assert (late.status_code, "too late: desk puts a on main since" in late.text) == (409, True)
    assert client.put("/api/v1/missions/a/approval", json=body, headers=ops).status_code == 409
    says(fleet, "a")
    assert client.put("/api/v1/missions/a/cancellation", headers=ops).status_code == 200
    assert fleet.get(AT)["items"][0]["missions"] == []
