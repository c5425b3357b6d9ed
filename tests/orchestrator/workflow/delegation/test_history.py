"""Does headquarters tell what became of each delegated mission, and how much each node has to do?"""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import pytest

from missions.archive_path import archived_files
from orchestrator.ledger.node_pages import list_presences
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.ledger.transport import BEAT
from orchestrator.workflow import mission_view
from orchestrator.workflow.delegation.history import FACTS, history_page, workload_page
from orchestrator.workflow.reading.mission_list import MissionFilter
from orchestrator.workflow.reading.shared_ledger import LedgerLook
from tests.ledgers import NOON, Files, Town

PAGE = "---\nnode: {0}\nrole: LOCAL_WORKER\nversion: 1.0\nagents: {1}\ncapabilities: {2}\n---\n"
FILES: Files = {
    "missions/word.md": "---\nproject: shop\n---\nA question.\n",
    "missions/where.md": "---\ncapabilities: [gpu]\n---\nOn a card.\n",
    "missions/judge.md": "---\nstatus: review\n---\nx\n",
    "heartbeats/alpha.md": PAGE.format("alpha", "builtin", ""),
    "heartbeats/beta.md": PAGE.format("beta", "builtin", "gpu"),
    "heartbeats/gamma.md": PAGE.format("gamma", "", ""),
    **archived_files("ended", "2026/11/20", b"---\nstatus: done\nfinished: 2026-11-20T12:00:00Z\nnode: beta\n---\nx\n"),
}


def beating(ledger: LedgerSnapshot, *nodes: str) -> LedgerSnapshot:
    """The same while these nodes beat."""
    return replace(ledger, refs={**ledger.refs, **{f"{BEAT}{name}": "0" * 40 for name in nodes}})


@pytest.fixture(scope="module")
def look() -> LedgerLook:
    """Three open missions, one finished, three nodes with a page and a beat that nobody has seen move."""
    town = Town(FILES)
    person = town.peer("person")
    ledger = beating(person.ledger(), "alpha", "beta", "gamma")
    views = mission_view.mission_views(ledger, person.trust, town.clock(), archived=False)
    return LedgerLook(ledger=ledger, views=tuple(views))


def test_the_history_is_the_missions_as_results(look: LedgerLook) -> None:
    """Each with its state, the facts, and what an envelope back would say."""
    page = history_page(look, MissionFilter(archived=True))
    rows = {row["job_id"]: row for row in page["items"]}
    assert list(rows) == ["judge", "where", "word", "ended"]
    assert (rows["ended"]["status"], rows["ended"]["state"], rows["ended"]["node"]) == ("SUCCESS", "done", "beta")
    assert (rows["word"]["status"], rows["word"]["state"], rows["word"]["project"]) == (None, "queued", "shop")
    for row in rows.values():
        assert row.keys() == {"job_id", "status", "result", "error", "state", *FACTS}


def test_its_pages_go_on_where_they_ended(look: LedgerLook) -> None:
    """As those of the list that they are made of."""
    found, after = [], ""
    for _ in range(4):
        page = history_page(look, MissionFilter(archived=True), after=after, limit=1)
        found += [row["job_id"] for row in page["items"]]
        after = page["next"] or ""
    assert (found, after) == (["judge", "where", "word", "ended"], "")
    assert page["tip"] == look.ledger.tip


def workload(look: LedgerLook, *told: dict[str, Any], **query: Any) -> dict[str, dict[str, Any]]:
    """The page's rows by node."""
    nodes = list_presences(look.ledger, {}, NOON)
    return {row["node"]: row for row in workload_page(look.ledger, nodes, told, **query)["items"]}


def test_what_waits_for_each_node(look: LedgerLook) -> None:
    """Only missions that it could take; what waits for a person is nobody's queue."""
    rows = workload(look)
    assert {name: row["queue"] for name, row in rows.items()} == {"alpha": 1, "beta": 2, "gamma": 0}
    assert {row["running"] for row in rows.values()} == {0}


def test_what_it_registered_stands_beside_it(look: LedgerLook) -> None:
    """And is null where a node does not register; one that is registered and has no page is no row."""
    told = {"node": "beta", "slots": 4, "load": 0.5, "cores": 8, "state": "live"}
    rows = workload(look, told, {**told, "node": "delta"})
    assert list(rows) == ["alpha", "beta", "gamma"]
    assert [rows["beta"][key] for key in ("slots", "load", "cores", "registration")] == [4, 0.5, 8, "live"]
    assert [rows["alpha"][key] for key in ("slots", "load", "cores", "registration")] == [None] * 4


def test_pages_and_states_of_the_workload(look: LedgerLook) -> None:
    """By name, and only those whose beat is in a wanted state."""
    nodes = list_presences(look.ledger, {}, NOON)
    found, after = [], ""
    for _ in range(3):
        page = workload_page(look.ledger, nodes, (), after=after, limit=1)
        found += [row["node"] for row in page["items"]]
        after = page["next"] or ""
    assert (found, after) == (["alpha", "beta", "gamma"], "")
    assert workload(look, states=frozenset({"live"})) == {}
    assert len(workload(look, states=frozenset({"unknown"}))) == 3


def test_what_runs_is_named(look: LedgerLook) -> None:
    """A node's own claims, and they wait for nobody any more."""
    town = Town(FILES)
    town.peer("alpha").hold("word")
    ledger = beating(town.peer("person").ledger(), "alpha", "beta")
    rows = {row["node"]: row for row in workload_page(ledger, list_presences(ledger, {}, town.clock()), ())["items"]}
    assert (rows["alpha"]["running"], rows["alpha"]["works_on"], rows["alpha"]["queue"]) == (1, ["word"], 0)
    assert (rows["beta"]["running"], rows["beta"]["queue"]) == (0, 1)
    assert asdict(list_presences(ledger, {}, town.clock())[0])["works_on"] == ("word",)
