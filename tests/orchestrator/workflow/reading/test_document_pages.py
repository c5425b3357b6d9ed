"""Do the pages of journal, memos, handoff and of what goes on now tell what is in the ledger, whole and in order?"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from handoff.entry import parse_log
from missions.archive_path import archived_files
from orchestrator.core.errors import NotFound, WrongSetting
from orchestrator.core.ports.usage import Spend, UsageTotals
from orchestrator.ledger.node_pages import LastSeenStore
from orchestrator.ledger.snapshot import LedgerSnapshot
from orchestrator.ledger.transport import BEAT
from orchestrator.workflow.fleet import Fleet
from orchestrator.workflow.inbox import question_item
from orchestrator.workflow.reading.fleet_rows import TROUBLE_KINDS, node_rows, now_page, project_rows, today
from orchestrator.workflow.reading.handoff_page import handoff_page, ledger_at
from orchestrator.workflow.reading.journal_page import found_entries, log_page, memo_page, whole_memo
from orchestrator.workflow.reading.paging import write_cursor
from orchestrator.workflow.reading.shared_ledger import LedgerLook
from orchestrator.workflow.spending.page_table import render_table
from tests import journals
from tests.ledgers import Files, Peer, Town

TOKEN = "ghp_" + "a1B2c3D4e5F6g7H8i9J0" + "k1L2m3N4o5P6q7R8"
DAYS = ("2026-11-18", "2026-11-19", "2026-11-20")
FLEET_LOG = journals.log(*(journals.entry(f"f{n}", f"{day}T08:00:00Z") for n, day in enumerate(DAYS)))
SHOP_LOG = journals.log(*(journals.entry(f"s{n}", f"{day}T09:00:00Z") for n, day in enumerate(DAYS)))
PORTFOLIO = "# Portfolio\n\nWe sell books.\n"
PROJECT = "# Shop\n\n- It runs on one machine. <!-- item: p1; log: s1 -->\n- Nobody said this.\n"
FILES: Files = {
    "SESSION_LOG.md": FLEET_LOG,
    "PORTFOLIO_CONTEXT.md": PORTFOLIO,
    "projects/shop/PROJECT_CONTEXT.md": PROJECT,
    journals.BRIEFING_PATH: journals.BRIEFING,
    journals.SHOP_LOG: SHOP_LOG,
    **{path: text for n in range(1, 4) for path, text in journals.memo(n, "Test first.").items()},
}


@pytest.fixture(scope="module")
def person() -> Peer:
    """Somebody who reads a ledger with two logs of three entries and three memos."""
    return Town(FILES).peer("person")


@pytest.fixture(scope="module")
def ledger(person: Peer) -> LedgerSnapshot:
    """What they see."""
    return person.ledger()


NEWEST = ["s2", "f2", "s1", "f1", "s0", "f0"]


@pytest.mark.parametrize("limit", range(1, 8))
@pytest.mark.parametrize(("project", "names"), [(None, NEWEST), ("shop", ["s2", "s1", "s0"])])
def test_each_entry_is_on_one_page(ledger: LedgerSnapshot, limit: int, project: str | None, names: list[str]) -> None:
    """The newest first, over all logs or in one; a full last page is followed by none."""
    found: list[str] = []
    after = ""
    for _ in range(8):
        page = log_page(ledger, project=project, after=after, limit=limit)
        found += [item["id"] for item in page["items"]]
        after = page["next"] or ""
        if not after:
            break
    assert (found, after) == (names, "")


def test_an_entry_is_told_with_its_place_and_its_words(ledger: LedgerSnapshot) -> None:
    """The line is that of its heading in the file."""
    first = log_page(ledger, project="shop", limit=1)["items"][0]
    lines = ledger.text(first["path"]).split("\n")
    assert (first["path"], first["project"], first["mission"]) == (journals.SHOP_LOG, "shop", "s2")
    assert first["when"] in lines[first["line"] - 1]
    assert first["sections"] == {"Work Accomplished": "Worked on s2."}
    assert "Worked on s2." in first["text"]


@pytest.mark.parametrize("after", ["x", write_cursor(("a", 1)), write_cursor((1, "a", 2))])
def test_another_lists_cursor_is_refused(ledger: LedgerSnapshot, after: str) -> None:
    """And a cursor that counts beyond all entries ends at once."""
    with pytest.raises(WrongSetting):
        log_page(ledger, after=after)
    endless = log_page(ledger, after=write_cursor(("2000", "x", 10**300)))
    assert (endless["items"], endless["next"]) == ([], None)
    with pytest.raises(NotFound):
        log_page(ledger, project="nowhere")


def test_what_a_search_finds_is_told_with_its_lines(ledger: LedgerSnapshot, person: Peer, tmp_path: Path) -> None:
    """Each entry once, with what was found in it; neighbours of a match are none."""
    hits = journals.logbook(person, tmp_path).recollection.search(ledger, "Worked on s1", limit=2)
    page = found_entries(ledger, hits)
    matched = [hit.entry_id for hit in hits if not hit.neighbour]
    assert [item["id"] for item in page["items"]] == list(dict.fromkeys(matched))
    assert page["items"][0]["id"] == "s1"
    assert any("Worked on s1" in text for text in page["items"][0]["found"])
    gone = [replace(hits[0], entry_id="gone", neighbour=False)]
    assert found_entries(ledger, gone)["items"] == []
    assert found_entries(ledger, [replace(hits[0], neighbour=True)])["items"] == []


def test_memos_go_on_where_the_page_ended(person: Peer) -> None:
    """The newest first, each once."""
    newest = journals.memos(person).newest
    found, after = [], ""
    for _ in range(4):
        page = memo_page(newest, project=None, after=after, limit=2)
        found += [item["memo_id"] for item in page["items"]]
        after = page["next"] or ""
        if not after:
            break
    assert (found, after) == (["m3-1", "m2-1", "m1-1"], "")
    filed = next(iter(newest(None)))
    told = whole_memo(filed)
    assert (told["memo_id"], told["path"]) == ("m3-1", "memos/2026-11/m3-1.md")
    assert "Test first." in told["text"]
    with pytest.raises(NotFound, match="lesson"):
        whole_memo(object())


def test_the_four_tiers_are_told_item_by_item(ledger: LedgerSnapshot) -> None:
    """Each with the line it stands on, and what it cites with that entry's place; the log cites itself."""
    page = handoff_page(ledger, "shop")
    assert [tier["title"] for tier in page["tiers"]] == ["Portfolio", "Project", "Briefing", "Log"]
    project = page["tiers"][1]
    for item in project["items"]:
        words = item["text"].split("\n")[0]
        assert words in project["text"].split("\n")[item["line"] - 1]
    (cited,) = [item for item in project["items"] if item["cites"]]
    place = cited["cites"][0]
    assert (place["entry"], place["path"]) == ("s1", journals.SHOP_LOG)
    assert "T09:00:00Z" in ledger.text(place["path"]).split("\n")[place["line"] - 1]
    rule = next(item for item in page["tiers"][2]["items"] if "Friday" in item["text"])
    assert (rule["standing"], rule["section"]) == (True, "Standing rules")
    log = page["tiers"][3]
    assert [item["cites"][0]["entry"] for item in log["items"]] == ["s2", "s1", "s0"]
    fleet = handoff_page(ledger, "")
    assert [tier["title"] for tier in fleet["tiers"]] == ["Portfolio", "Log"]


def test_the_handoff_as_it_was() -> None:
    """At a commit of the branch; at no other."""
    town = Town(FILES)
    ada = town.peer("ada")
    town.clock.forward(60)
    ada.push({journals.BRIEFING_PATH: journals.BRIEFING.replace("8080", "9090")}, "The port is another")
    town.clock.forward(60)
    ada.push({"missions/m.md": "x\n"}, "A mission")
    now = ada.ledger()
    page = handoff_page(now, "shop")
    assert [each["says"] for each in page["commits"]] == ["The port is another", "the ledger"]
    old = handoff_page(now, "shop", page["commits"][1]["commit"])
    assert "8080" in old["tiers"][2]["text"]
    assert "9090" in page["tiers"][2]["text"]
    assert old["commit"] == town.root
    assert old["commits"] == page["commits"], "where one can go does not depend on where one stands"
    beside = ada.commit({"x": "y"}, "never pushed", onto=now.tip, tree=now.tree)
    for commit in ("", "x", "0" * 40, beside, now.tip[:12], now.tree):
        with pytest.raises(NotFound):
            ledger_at(now, commit)
    with pytest.raises(NotFound):
        handoff_page(now, "nowhere")


TOTALS = UsageTotals(runs=1, tokens_in=100, tokens_out=20, tokens_cached=0, seconds=1.0, cost_usd=0.5, unpriced=0)


def spent(town: Town, node: str, *ago: int) -> str:
    """A node's page that tells what it spent so many days ago."""
    rows = [
        Spend(day=town.clock().date() - timedelta(days=n), node=node, project="", agent="a", model="m", totals=TOTALS)
        for n in ago
    ]
    head = f"---\nnode: {node}\nrole: LOCAL_WORKER\nagents: builtin\nversion: 1\n---\n"
    return f"{head}\n# {node}\n\n{render_table(rows)}"


def test_what_goes_on_now(tmp_path: Path) -> None:
    """What runs, what waits for a word, what went wrong, and what today has cost."""
    town = Town(
        {
            "missions/run-me.md": "x\n",
            "missions/wait.md": "x\n",
            "missions/judge.md": "---\nstatus: review\n---\nx\n",
            "missions/odd.md": "---\nagent: hal\n---\nx\n",
            **archived_files("over", "2026/11/21", b"---\nstatus: done\nfinished: 2026-11-21T10:00:00Z\n---\nx\n"),
            **archived_files("before", "2026/11/20", b"---\nstatus: done\nfinished: 2026-11-20T10:00:00Z\n---\nx\n"),
        }
    )
    town.peer("ada").push({f"heartbeats/{name}.md": spent(town, name, 0, 1) for name in ("desk", "nas")})
    town.peer("desk").hold("run-me")
    reader = town.peer("reader")
    seen = LastSeenStore(tmp_path / "seen.json")
    found = reader.ledger()
    beat = reader.bus.store.put("blob", b"1\n")
    found = replace(found, refs={**found.refs, f"{BEAT}desk": beat, f"{BEAT}nas": beat}, alarms=("eve did it",))
    fleet = Fleet(bus=reader.bus, reader=reader.reader, trust=reader.trust, sightings=seen, now=town.clock, held=found)
    fleet.nodes()
    town.clock.forward(3600)
    look = LedgerLook(ledger=found, views=tuple(fleet.missions()), offline="cut off")
    question = question_item("q1", "shell", {"command": f"{'x' * 170} {TOKEN} {'make ' * 200}"})
    page = now_page(fleet, look, [question])
    assert [each["name"] for each in page["running"]] == ["run-me"]
    assert [(each["kind"], each["name"]) for each in page["waiting"]] == [("question", "q1"), ("review", "judge")]
    assert len(page["waiting"][0]["says"]) <= 200
    assert TOKEN[:8] not in page["waiting"][0]["says"]
    troubles = [(each["kind"], each["name"]) for each in page["trouble"]]
    assert troubles == [
        ("ledger", "offline"),
        ("ledger", "alarm"),
        ("node", "desk"),
        ("node", "nas"),
        ("quarantined", "odd"),
    ]
    assert {kind for kind, _ in troubles} <= TROUBLE_KINDS
    silent = {each["name"]: each["says"] for each in page["trouble"]}
    assert (silent["desk"], silent["nas"]) == ("it still holds run-me", "it holds nothing")
    assert page["queued"] == 1
    assert page["today"] == {"cost_usd": 1.0, "tokens": 240, "missions": 1}
    assert {row["name"]: row["workload"] for row in page["nodes"]} == {"desk": 1, "nas": 0}
    assert page["tip"] == found.tip
    town.clock.at = town.clock.at.replace(hour=23, minute=59)
    assert today(fleet, found)["missions"] == 1
    town.clock.forward(120)
    assert today(fleet, found) == {"cost_usd": 0.0, "tokens": 0, "missions": 0}


def test_projects_and_nodes_as_rows(ledger: LedgerSnapshot) -> None:
    """Projects by name with all that the fleet says of them; no node, no row."""
    (row,) = project_rows(ledger)
    assert (row["name"], row["url"], row["branch"]) == ("shop", "/srv/shop.git", "main")
    assert node_rows(ledger, []) == []


def test_the_logs_are_what_the_tests_take_them_for() -> None:
    """Else the tests above would find nothing and say so of nothing."""
    assert [entry.entry_id for entry in parse_log(SHOP_LOG).entries] == ["s0", "s1", "s2"]
